//! Firewall rules, by the tool that the field keeps for them: nft(8), run as a child and fed its own language.
//!
//! A whole file of rules is one transaction: the kernel takes all of it or nothing.

use super::{Ended, Program, find_program, spawn};
use crate::trace;
use serde_json::{Value, json};

/// Why nft did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not on this host.
    #[error("nft: no such program")]
    Missing,
    /// It could not be run.
    #[error("nft could not be run: {0}")]
    Run(#[from] super::Error),
    /// It refused, in its own words.
    #[error("nft refused: {0}")]
    Refused(String),
    /// Its answer was not the JSON it promises.
    #[error("nft answered with something that is not JSON: {0}")]
    Answer(#[source] serde_json::Error),
}

/// Feeds rules to nft, one a line. Each is told as it was fed.
pub fn load(rules: &[String]) -> Result<(), Error> {
    let mut text = rules.join("\n");
    text.push('\n');
    run(&["-f", "-"], &text)?;
    for rule in rules {
        trace::work("rules", || json!({ "rule": rule }));
    }
    Ok(())
}

/// What `nft -j list …` prints: the objects under `nftables`.
pub fn list(what: &[&str]) -> Result<Vec<Value>, Error> {
    let mut args = vec!["-j", "list"];
    args.extend(what);
    let mut answer: Value = serde_json::from_slice(&run(&args, "")?).map_err(Error::Answer)?;
    match answer.get_mut("nftables").map(Value::take) {
        Some(Value::Array(objects)) => Ok(objects),
        _ => Ok(Vec::new()),
    }
}

/// Not with our environment: what nft says is read, and a user's language or path is none of its business.
fn run(args: &[&str], input: &str) -> Result<Vec<u8>, Error> {
    let path = find_program("nft").ok_or(Error::Missing)?;
    let args = ["nft"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
    let child = spawn(&Program {
        path: &path,
        args,
        env: vec!["LC_ALL=C".to_owned()],
        stays: false,
        dies_with_us: false,
        keeps: &[],
    })?;
    let output = child.finish(input.as_bytes())?;
    if output.ended == Ended::Exited(0) {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    // The first line says what was wrong; those after it repeat the rule and point into it.
    Err(Error::Refused(words.lines().next().unwrap_or_default().trim().to_owned()))
}

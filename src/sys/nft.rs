//! Firewall rules, by the tool that the field keeps for them: nft(8), run as a child and fed its own language.
//!
//! A whole file of rules is one transaction: the kernel takes all of it or nothing.

use crate::trace;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Why nft did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not on this host.
    #[error("nft: no such program")]
    Missing,
    /// It could not be run.
    #[error("nft could not be run: {0}")]
    Run(#[source] std::io::Error),
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

/// What `nft -j list …` prints: the objects under `nftables`. Not told: it changes nothing.
pub fn list(what: &[&str]) -> Result<Vec<Value>, Error> {
    let mut args = vec!["-j", "list"];
    args.extend(what);
    let output = run(&args, "")?;
    let mut answer: Value = serde_json::from_slice(&output.stdout).map_err(Error::Answer)?;
    match answer.get_mut("nftables").map(Value::take) {
        Some(Value::Array(objects)) => Ok(objects),
        _ => Ok(Vec::new()),
    }
}

fn run(args: &[&str], input: &str) -> Result<Output, Error> {
    let mut child = spawn(args)?;
    // Dropped before the wait: nft reads until the end of its input.
    if let Some(mut stdin) = child.stdin.take() {
        // A nft that ends early says why on its stderr; the broken pipe says less.
        let _ended_early = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(Error::Run)?;
    if output.status.success() {
        return Ok(output);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    // The first line says what was wrong; those after it repeat the rule and point into it.
    Err(Error::Refused(words.lines().next().unwrap_or_default().trim().to_owned()))
}

/// /usr/sbin is not on the PATH of an ordinary login, nor always on that of a service.
fn spawn(args: &[&str]) -> Result<std::process::Child, Error> {
    for program in ["nft", "/usr/sbin/nft", "/sbin/nft"] {
        let child = Command::new(program)
            .args(args)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        match child {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            other => return other.map_err(Error::Run),
        }
    }
    Err(Error::Missing)
}

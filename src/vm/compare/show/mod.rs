//! Differences shown instead of measured: something is done inside each side, and looked at from inside and from outside.
//!
//! Each is a small table of observations, all made now and here, and sentences that hold for what was observed.

mod elastic;
mod escape;
mod kernel;

use super::plan::{LAB, LIMIT, Options};
use super::side::{Launcher, SIDES};
use super::{Error, Side};
use crate::engine::Home;
use crate::sys;
use serde::Serialize;
use std::path::Path;

/// What can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// Memory that is given back, and memory that is not.
    Elastic,
    /// One kernel or two.
    Kernel,
    /// Whether a process inside is one of the host's.
    Escape,
}

/// What was seen.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The version of this shape.
    pub v: u32,
    /// What was to be shown.
    pub show: Show,
    /// The question it answers.
    pub question: &'static str,
    /// What was observed.
    pub rows: Vec<Row>,
    /// Why a side is empty.
    pub failed: Vec<Failed>,
    /// What follows.
    pub said: Vec<String>,
}

/// A side that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Which.
    pub side: Side,
    /// Why not.
    pub why: String,
}

/// One observation on both sides, and on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What was looked at.
    pub what: String,
    /// On the host.
    pub host: String,
    /// In, or of, the container.
    pub container: String,
    /// In, or of, the machine.
    pub machine: String,
}

/// One side's observations, in the order of the rows.
type Seen = Result<Vec<String>, Error>;

/// Shows it.
pub fn show(
    what: Show,
    options: &Options,
    home: &Home,
    config: Option<&Path>,
    tell: &mut dyn FnMut(&str),
) -> Result<Shown, Error> {
    if sys::geteuid() != 0 {
        return Err(Error::NotRoot);
    }
    let launcher = Launcher::new(home, config, &options.memory, options.accel.as_deref());
    let mut shown = match what {
        Show::Elastic => elastic::question(),
        Show::Kernel => kernel::question(),
        Show::Escape => escape::question(),
    };
    for side in SIDES {
        tell(&format!("looking at a {}", side.word()));
        // What has to be built is built now, so that nothing below waits for it.
        let seen = launcher.start(side, &[], LAB, &["true"])?.finish(LIMIT.saturating_mul(5));
        let seen = seen.and_then(|_| match what {
            Show::Elastic => elastic::look(&launcher, side),
            Show::Kernel => kernel::look(&launcher, side),
            Show::Escape => escape::look(&launcher, side),
        });
        take(&mut shown, side, seen)?;
    }
    if what == Show::Kernel {
        kernel::look_again(&mut shown);
    }
    if shown.failed.len() == SIDES.len() {
        let [container, machine] = [0, 1].map(|at| shown.failed[at].why.clone());
        return Err(Error::Neither { container, machine });
    }
    Ok(shown)
}

fn empty(show: Show, question: &'static str, rows: &[(&str, String)], said: &[&str]) -> Shown {
    let row = |(what, host): &(&str, String)| Row { what: (*what).to_owned(), host: host.clone(), ..Row::default() };
    let said = said.iter().map(ToString::to_string).collect();
    Shown { v: super::report::VERSION, show, question, rows: rows.iter().map(row).collect(), failed: Vec::new(), said }
}

fn take(shown: &mut Shown, side: Side, seen: Seen) -> Result<(), Error> {
    match seen {
        Err(error) if error.ends_all() => return Err(error),
        Err(error) => shown.failed.push(Failed { side, why: error.to_string() }),
        Ok(seen) => {
            for (row, text) in shown.rows.iter_mut().zip(seen) {
                match side {
                    Side::Container => row.container = text,
                    Side::Machine => row.machine = text,
                }
            }
        }
    }
    Ok(())
}

/// Sections of what a script said, each begun by a line `== name`.
fn sections(said: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in said.lines() {
        if line.starts_with("== ") {
            found.push(String::new());
        } else if let Some(last) = found.last_mut() {
            let gap = if last.is_empty() { "" } else { "\n" };
            last.push_str(gap);
            last.push_str(line.trim_end());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_said_falls_into_sections() {
        assert_eq!(sections("noise\n== a\none\ntwo\n== b\n== c\nthree\n"), ["one\ntwo", "", "three"]);
        assert_eq!(sections(""), [""; 0]);
    }

    #[test]
    fn a_side_that_fails_leaves_its_column_empty_and_says_why() {
        let mut shown = empty(Show::Kernel, "?", &[("a", "1".to_owned()), ("b", String::new())], &["so it is"]);
        take(&mut shown, Side::Container, Ok(vec!["x".to_owned(), "y".to_owned()])).unwrap();
        let failed = Error::Ended { command: "c".to_owned(), status: "1".to_owned(), stderr: "no".to_owned() };
        take(&mut shown, Side::Machine, Err(failed)).unwrap();
        assert_eq!((shown.rows[1].container.as_str(), shown.rows[1].machine.as_str()), ("y", ""));
        assert_eq!(shown.failed, [Failed { side: Side::Machine, why: "`c` ended with 1: no".to_owned() }]);
        assert!(take(&mut shown, Side::Machine, Err(Error::Interrupted)).is_err());
    }
}

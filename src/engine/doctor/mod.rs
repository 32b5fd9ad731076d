//! `rlab doctor`: what this host offers, row by row, and what rlab can do with that.
//!
//! [`Facts`] are collected here, by reading and by trying things out in children that end; [`rows`] and [`can`] judge them,
//! and touch nothing, so a host that is not at hand can be judged by its facts. Nothing on the host is changed. (To answer
//! whether there is such a thing as a bridge, the kernel may load a module, as it would for a container.)

mod can;
mod collect;
mod facts;
mod rows;
#[cfg(test)]
mod tests;

pub use collect::small_guest;
pub use facts::{Facts, Trial};

use serde::Serialize;

/// What a fact means for rlab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Something will not work, or not for everyone.
    Limited,
    /// Not there.
    Missing,
}

impl Verdict {
    /// The word that is printed.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Limited => "limited",
            Verdict::Missing => "missing",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What was looked at.
    pub check: String,
    /// What was found.
    pub fact: String,
    /// What it means.
    pub verdict: Verdict,
    /// What to do about it; empty when nothing has to be done, or nothing can.
    pub fix: String,
}

impl Row {
    fn new(check: impl Into<String>, fact: impl Into<String>, verdict: Verdict, fix: impl Into<String>) -> Row {
        Row { check: check.into(), fact: fact.into(), verdict, fix: fix.into() }
    }

    fn ok(check: impl Into<String>, fact: impl Into<String>) -> Row {
        Row::new(check, fact, Verdict::Ok, "")
    }

    fn limited(check: impl Into<String>, fact: impl Into<String>, fix: impl Into<String>) -> Row {
        Row::new(check, fact, Verdict::Limited, fix)
    }

    fn missing(check: impl Into<String>, fact: impl Into<String>, fix: impl Into<String>) -> Row {
        Row::new(check, fact, Verdict::Missing, fix)
    }
}

/// One thing that rlab can or cannot do here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ability {
    /// What.
    pub what: String,
    /// Whether it can.
    pub verdict: Verdict,
    /// Why, or what is left of it.
    pub why: String,
}

/// All that the doctor has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// A row each fact.
    pub rows: Vec<Row>,
    /// What follows from them.
    pub can: Vec<Ability>,
}

impl Report {
    /// The judgement on these facts.
    pub fn of(facts: &Facts) -> Report {
        let rows = rows::all(facts);
        let can = can::abilities(facts, &rows);
        Report { rows, can }
    }

    /// Whether `rlab run` can work here, in whatever network.
    pub fn can_run(&self) -> bool {
        self.can.iter().any(|ability| ability.what == can::RUN && ability.verdict != Verdict::Missing)
    }
}

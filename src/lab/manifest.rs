//! What a lab says of itself: `lab.toml`.
//!
//! A key that nobody knows is an error, because a check that is misspelt would check nothing.

use super::condition::Condition;
use super::sound;
use super::values::Draw;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One lab.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its number in the course.
    pub number: u32,
    /// Its name.
    pub title: String,
    /// How long it takes, in minutes.
    pub minutes: u32,
    /// What the student can say afterwards, in one sentence.
    pub about: String,
    /// What it takes: `root`, `nft`, `kvm`, `qemu`, `v1`, `v2`, `hybrid`, or the name of a program.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The stages of the story that it goes deeper into, by id.
    #[serde(default)]
    pub stages: Vec<String>,
    /// What differs from student to student.
    #[serde(default)]
    pub values: BTreeMap<String, Draw>,
    /// What is run or read.
    #[serde(default)]
    pub experiment: Vec<Experiment>,
    /// What is asked before anything is run.
    #[serde(default)]
    pub predict: Vec<Predict>,
    /// What the student writes down.
    #[serde(default)]
    pub question: Vec<Question>,
    /// What must be found.
    pub check: Vec<Check>,
    /// Answers that must not pass.
    #[serde(default)]
    pub wrong: Vec<Wrong>,
}

/// Something that a check runs, or a file of evidence that it reads.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Its name in the checks.
    pub id: String,
    /// A script in the student's folder.
    pub script: Option<String>,
    /// A trace in the student's folder, from `--trace-out`.
    pub trace: Option<String>,
    /// A JSON file in the student's folder.
    pub json: Option<String>,
    /// When it is looked at.
    #[serde(default)]
    pub until: Until,
    /// How long it is left alone after that, in milliseconds.
    #[serde(default)]
    pub settle_ms: u64,
    /// How long it may take, in seconds.
    #[serde(default = "thirty")]
    pub limit_s: u64,
    /// More facts, by commands that are run while it is up.
    #[serde(default)]
    pub look: BTreeMap<String, String>,
}

fn thirty() -> u64 {
    30
}

/// When an experiment is looked at.
#[derive(Deserialize, Debug, Clone, Copy, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Until {
    /// When a container's program runs.
    Started,
    /// When the script has printed a line `ready`.
    Ready,
    /// When the script has ended.
    #[default]
    End,
}

/// A question that is asked before anything is run.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Predict {
    /// The key in answers.toml.
    pub id: String,
    /// The question.
    pub question: String,
    /// What can be answered; empty where anything can.
    #[serde(default)]
    pub answers: Vec<String>,
    /// Whether a number is asked for.
    #[serde(default)]
    pub number: bool,
    /// How far off a number may be, relative to what is observed.
    pub within: Option<f64>,
    /// Which experiment shows it.
    pub of: Option<String>,
    /// Or which file.
    pub file: Option<String>,
    /// By which fact.
    pub fact: Option<String>,
    /// The comparison that means yes.
    pub yes_if: Option<Condition>,
    /// What is said when it was wrong, beside what was observed.
    #[serde(default)]
    pub hints: Vec<String>,
    /// How to see it by hand.
    pub look: Option<String>,
}

/// What the student writes down.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The key in answers.toml.
    pub id: String,
    /// The question.
    pub question: String,
}

/// Something that must be found.
#[derive(Deserialize, Debug, Clone)]
pub struct Check {
    /// Its name.
    pub id: String,
    /// A sentence that is true when it passes.
    pub say: String,
    /// What it counts.
    #[serde(default = "one")]
    pub points: u32,
    /// What must hold.
    #[serde(flatten)]
    pub condition: Condition,
    /// What must hold as well.
    #[serde(default)]
    pub also: Vec<Condition>,
    /// How to see it by hand.
    pub look: Option<String>,
    /// The ladder: each says more than the one before.
    #[serde(default)]
    pub hints: Vec<String>,
    /// Wrong answers that are recognised.
    #[serde(default)]
    pub mistake: Vec<Mistake>,
}

fn one() -> u32 {
    1
}

/// A wrong answer that is recognised.
#[derive(Deserialize, Debug, Clone)]
pub struct Mistake {
    /// Its name.
    pub id: String,
    /// By what it is recognised.
    #[serde(flatten)]
    pub condition: Condition,
    /// By what else, all of it.
    #[serde(default)]
    pub also: Vec<Condition>,
    /// What is said then.
    pub say: String,
}

/// An answer that must not pass: the solution, changed.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    /// Its name, and that of its folder below `wrong/`, if it has one.
    pub id: String,
    /// What the student got wrong.
    pub what: String,
    /// What is changed in the solution's files.
    #[serde(default)]
    pub edit: Vec<Edit>,
    /// The check that must fail, or `predict:ID`.
    pub check: String,
    /// The mistake that must be recognised.
    pub mistake: Option<String>,
}

/// One change of a text.
#[derive(Deserialize, Debug, Clone)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// In which file.
    pub file: String,
    /// What stands there.
    pub from: String,
    /// What stands there then.
    pub to: String,
}

/// What stands before a prediction's name where checks are named too.
pub const PREDICT: &str = "predict:";

impl Manifest {
    /// Reads the text of a `lab.toml`. The error says where and why.
    pub fn parse(text: &str) -> Result<Manifest, String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        sound::keys(&table)?;
        let manifest: Manifest = toml::from_str(text).map_err(|error| error.to_string())?;
        sound::manifest(&manifest)?;
        Ok(manifest)
    }

    /// The experiment of a name.
    pub fn experiment(&self, id: &str) -> Option<&Experiment> {
        self.experiment.iter().find(|experiment| experiment.id == id)
    }

    /// The ladder of a check, or of a prediction, by its name with or without `predict:`; empty when neither has it.
    pub fn hints(&self, id: &str) -> &[String] {
        let bare = id.strip_prefix(PREDICT).unwrap_or(id);
        let check = self.check.iter().find(|check| check.id == id).map(|check| &check.hints);
        check
            .or_else(|| Some(&self.predict.iter().find(|predict| predict.id == bare)?.hints))
            .map_or(&[], Vec::as_slice)
    }

    /// All that can be had.
    pub fn points(&self) -> u32 {
        let predictions = u32::try_from(self.predict.len()).unwrap_or_default();
        predictions + self.check.iter().map(|check| check.points).sum::<u32>()
    }
}

/// A fact as a person reads it.
pub fn spoken(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(spoken).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sound::tests::LAB;
    use super::*;

    #[test]
    fn a_lab_is_read() {
        let lab = Manifest::parse(LAB).unwrap();
        assert_eq!((lab.points(), lab.experiment("e").unwrap().until), (2, Until::End));
    }
}

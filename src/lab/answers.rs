//! `answers.toml`: what the student predicted, and what the student wrote down.

use super::error::Error;
use super::manifest::Manifest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The file's name in the student's folder.
pub const FILE: &str = "answers.toml";

/// What a student answered. What is left empty is not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// Before anything was run.
    pub predict: BTreeMap<String, String>,
    /// What was found.
    pub saw: BTreeMap<String, String>,
}

impl Answers {
    /// Reads the file of a student's folder; one that is not there has no answers.
    pub fn read(folder: &Path) -> Result<Answers, Error> {
        let path = folder.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Answers::parse(&text).map_err(|reason| Error::Answers { path, reason }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Answers::default()),
            Err(error) => Err(Error::File { path, error }),
        }
    }

    fn parse(text: &str) -> Result<Answers, String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        Ok(Answers { predict: section(&table, "predict")?, saw: section(&table, "saw")? })
    }

    /// What was written down under a name, as a fact.
    pub fn fact(&self, name: &str) -> Option<Value> {
        self.saw.get(name).map(|text| json!(text))
    }
}

/// Numbers, and yes and no as TOML has them, are understood as well.
fn section(table: &toml::Table, name: &str) -> Result<BTreeMap<String, String>, String> {
    let Some(section) = table.get(name) else { return Ok(BTreeMap::new()) };
    let section = section.as_table().ok_or_else(|| format!("[{name}] is not a section"))?;
    let mut answers = BTreeMap::new();
    for (key, value) in section {
        let text = match value {
            toml::Value::String(text) => text.trim().to_owned(),
            toml::Value::Boolean(yes) => if *yes { "yes" } else { "no" }.to_owned(),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            _ => return Err(format!("{name}.{key} is neither a text nor a number")),
        };
        if !text.is_empty() {
            answers.insert(key.clone(), text);
        }
    }
    Ok(answers)
}

/// The file as a student gets it: every question, no answer. Nothing when the lab asks none.
pub fn blank(manifest: &Manifest) -> Option<String> {
    if manifest.predict.is_empty() && manifest.question.is_empty() {
        return None;
    }
    let mut text = format!("# Lab {} · {}\n", manifest.number, manifest.title);
    if !manifest.predict.is_empty() {
        text += "\n# Before you run anything. A wrong prediction is worth more than none: it shows what to look at.\n[predict]\n";
        for predict in &manifest.predict {
            let choice = match predict {
                _ if !predict.answers.is_empty() => format!(" ({})", predict.answers.join(", ")),
                _ if predict.number => " (a number)".to_owned(),
                _ => String::new(),
            };
            text += &question(&predict.id, &format!("{}{choice}", predict.question));
        }
    }
    if !manifest.question.is_empty() {
        text += "\n# What you found.\n[saw]\n";
        for asked in &manifest.question {
            text += &question(&asked.id, &asked.question);
        }
    }
    Some(text)
}

fn question(id: &str, text: &str) -> String {
    let folded = textwrap::fill(text, textwrap::Options::new(80).initial_indent("# ").subsequent_indent("# "));
    format!("\n{folded}\n{id} = \"\"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_no_answer() {
        let answers = Answers::parse("[predict]\na = \"\"\nb = true\nc = 7\n[saw]\nd = \" x \"\n").unwrap();
        assert_eq!(answers.predict.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["b=yes", "c=7"]);
        assert_eq!((answers.fact("d"), answers.fact("e")), (Some(json!("x")), None));
    }

    #[test]
    fn a_broken_file_is_told_by_its_line() {
        assert!(Answers::parse("[predict]\na = yes\n").unwrap_err().contains("line 2"));
        assert!(Answers::parse("predict = 1").unwrap_err().contains("[predict]"));
        assert!(Answers::parse("[saw]\na = [1]").unwrap_err().contains("saw.a"));
    }
}

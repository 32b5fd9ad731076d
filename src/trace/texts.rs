//! The explanations: data, one entry a stage and language, compiled in.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What is said about a stage.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct StageText {
    /// The stage in a few words, for the one-line view.
    pub brief: String,
    /// The lab that goes deeper, by its number in the course.
    pub lab: u32,
    /// What it is: one or two sentences, present tense.
    pub what: String,
    /// Why it is there: what would be lost without it.
    pub why: String,
    /// What a virtual machine does in its place, when it is a container's stage.
    pub vm: Option<String>,
    /// What a container does in its place, when it is a machine's stage.
    pub container: Option<String>,
    /// The man pages to go on with.
    pub man: Vec<String>,
    /// Where the sentences come from: man pages and kernel documentation, checked. A test reads it, for the reader of the file.
    #[cfg_attr(not(test), expect(dead_code, reason = "kept beside the text it vouches for; a test insists on it"))]
    pub sources: Vec<String>,
}

/// All texts of one language.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// By stage id.
    pub stages: BTreeMap<String, StageText>,
    /// Why a stage had nothing to do, by the name in the `skip` event.
    pub skips: BTreeMap<String, String>,
    /// Sentences of one run, by the name in the `note` event; `{name}` is a place.
    pub notes: BTreeMap<String, String>,
    /// What a container has in the place of a part of a machine, by the part.
    pub parts: BTreeMap<String, String>,
}

const ENGLISH: &str = include_str!("texts/en.toml");

/// The texts in English.
pub fn english() -> &'static Texts {
    static TEXTS: OnceLock<Texts> = OnceLock::new();
    TEXTS.get_or_init(|| match toml::from_str(ENGLISH) {
        Ok(texts) => texts,
        Err(error) => unreachable!("texts/en.toml is compiled in and read by a test: {error}"),
    })
}

impl StageText {
    /// The other side: where it is, and what is done there in this stage's place. Where a machine is made, what a VM does is
    /// what is done anyhow.
    pub fn twin(&self, of_machine: bool) -> Option<(&'static str, &str)> {
        let in_a_vm = self.vm.as_deref().filter(|_| !of_machine);
        in_a_vm.map(|text| ("In a VM", text)).or(self.container.as_deref().map(|text| ("In a container", text)))
    }
}

impl Texts {
    /// The texts of a stage.
    pub fn stage(&self, stage: &str) -> Option<&StageText> {
        self.stages.get(stage)
    }

    /// A note with its places filled. An unknown name is told as it is, never dropped.
    pub fn note(&self, name: &str, with: &Map<String, Value>) -> String {
        let mut text = self.notes.get(name).cloned().unwrap_or_else(|| name.to_owned());
        for (place, value) in with {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text = text.replace(&format!("{{{place}}}"), &value);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::Stage;
    use super::*;

    #[test]
    fn every_stage_has_its_texts() {
        let missing: Vec<&str> =
            Stage::ALL.iter().map(|stage| stage.id()).filter(|id| english().stage(id).is_none()).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }

    #[test]
    fn every_stage_is_laid_beside_its_twin_on_the_other_side() {
        for stage in Stage::ALL {
            let text = english().stage(stage.id()).unwrap();
            let machine = stage >= Stage::Kernel;
            assert_eq!((text.vm.is_some(), text.container.is_some()), (!machine, machine), "{}", stage.id());
        }
    }

    #[test]
    fn a_stage_is_told_in_a_few_lines() {
        for (stage, text) in &english().stages {
            assert!(stage.len() <= 13 && text.brief.len() <= 42, "{stage}: {} does not fit a line", text.brief);
            let told = text.what.len() + text.why.len();
            assert!(told <= 255, "{stage} is told in {told} letters");
            let room = if text.vm.is_some() { 120 } else { 60 };
            assert!(
                text.twin(false).is_some_and(|(_, twin)| twin.len() <= room),
                "{stage} says much about the other side"
            );
        }
    }

    #[test]
    fn every_text_names_where_its_claims_come_from() {
        for (stage, text) in &english().stages {
            assert!(!text.sources.is_empty() && !text.man.is_empty(), "{stage} has no source");
        }
    }
}

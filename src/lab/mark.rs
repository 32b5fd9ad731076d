//! Marking: predictions against what was observed, checks against what they ask for.

use super::answers::Answers;
use super::condition::{Condition, Place};
use super::course::Filled;
use super::error::Error;
use super::experiment::Bench;
use super::facts;
use super::manifest::{Check, PREDICT, Predict, spoken};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One line of the result.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The check's name; a prediction's with `predict:` before it.
    pub id: String,
    /// What holds when it passes; of a prediction, the question.
    pub say: String,
    /// What was predicted, of a prediction.
    pub predicted: Option<String>,
    /// What was observed, of a prediction whose experiment is finished.
    pub observed: Option<Value>,
    /// Whether it is right.
    pub passed: bool,
    /// What it counts.
    pub points: u32,
    /// What was found, and what was asked for, where it is not right.
    pub found: Option<String>,
    /// How to see it by hand.
    pub look: Option<String>,
    /// Which mistake was recognised, by name.
    pub mistake: Option<String>,
    /// What is said about it: of the mistake, else the first hint.
    pub hint: Option<String>,
}

/// How a lab stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Marked {
    /// A line a prediction, then a line a check.
    pub marks: Vec<Mark>,
    /// Whether anything was run: not before every prediction is made.
    pub ran: bool,
}

impl Marked {
    /// Points so far.
    pub fn points(&self) -> u32 {
        self.marks.iter().filter(|mark| mark.passed).map(|mark| mark.points).sum()
    }

    /// What is not right yet.
    pub fn open(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter().filter(|mark| !mark.passed)
    }

    /// What to turn to next: what only waits for something else comes last.
    pub fn first_open(&self) -> Option<&Mark> {
        self.open().find(|mark| mark.hint.is_some()).or_else(|| self.open().next())
    }

    /// Whether all is right.
    pub fn full(&self) -> bool {
        self.open().next().is_none()
    }
}

/// Marks a student's folder, with rlab's own things at `root` where that is not the usual place.
pub fn in_folder(lab: &Filled, folder: &Path, root: Option<PathBuf>) -> Result<Marked, Error> {
    mark(lab, &Bench::new(folder, root)?)
}

/// Marks what is on a bench. Runs nothing before every prediction is made.
pub fn mark(lab: &Filled, bench: &Bench) -> Result<Marked, Error> {
    let answers = Answers::read(&bench.folder)?;
    let unmade = lab.manifest.predict.iter().any(|predict| !answers.predict.contains_key(&predict.id));
    if unmade {
        return Ok(Marked { marks: unmarked(lab, &answers), ran: false });
    }
    let facts = bench.run(&lab.manifest.experiment)?;
    let desk = Desk { facts, answers, bench };
    let checks: Vec<Mark> = lab.manifest.check.iter().map(|check| desk.check(check)).collect();
    let unfinished = |of: &Option<String>| {
        let by_check = lab.manifest.check.iter().zip(&checks);
        of.is_some() && by_check.into_iter().any(|(check, mark)| !mark.passed && &check.condition.of == of)
    };
    let predictions = lab.manifest.predict.iter().map(|predict| desk.prediction(predict, unfinished(&predict.of)));
    Ok(Marked { marks: predictions.chain(checks.iter().cloned()).collect(), ran: true })
}

/// Before all predictions are made: which are missing.
fn unmarked(lab: &Filled, answers: &Answers) -> Vec<Mark> {
    let predictions = lab.manifest.predict.iter().map(|predict| {
        let made = answers.predict.get(&predict.id).cloned();
        let found = made.is_none().then(|| "no prediction yet".to_owned());
        Mark { predicted: made, found, ..open(&format!("{PREDICT}{}", predict.id), &predict.question, 1) }
    });
    let checks = lab.manifest.check.iter().map(|check| open(&check.id, &check.say, check.points));
    predictions.chain(checks).collect()
}

fn open(id: &str, say: &str, points: u32) -> Mark {
    Mark {
        id: id.to_owned(),
        say: say.to_owned(),
        predicted: None,
        observed: None,
        passed: false,
        points,
        found: None,
        look: None,
        mistake: None,
        hint: None,
    }
}

/// All that is known while marking.
struct Desk<'a> {
    facts: BTreeMap<String, Value>,
    answers: Answers,
    bench: &'a Bench,
}

impl Desk<'_> {
    /// The value at a place.
    fn value(&self, place: &Place) -> Option<Value> {
        let words = place.fact.as_deref().unwrap_or_default();
        if let Some(answer) = &place.answer {
            return self.answers.fact(answer);
        }
        if let Some(name) = &place.file {
            return facts::find(&facts::of_file(&self.bench.folder.join(name)), words).cloned();
        }
        facts::find(self.facts.get(place.of.as_ref()?)?, words).cloned()
    }

    fn holds(&self, condition: &Condition, around: &Place) -> bool {
        let value = self.value(&condition.place(around));
        condition.holds(value.as_ref(), &|place| self.value(place))
    }

    /// Why an experiment did not come as far as it should; what it said last, where it did but failed.
    fn trouble(&self, of: Option<&String>) -> Option<String> {
        let facts = self.facts.get(of?)?;
        let text = |key: &str| facts[key].as_str().map(str::to_owned).filter(|text| !text.is_empty());
        let complaint = || text("err").filter(|_| facts["pid"].is_null() && facts["exit"] != 0);
        let last = |text: String| text.lines().take(2).collect::<Vec<_>>().join(" ");
        text("error")
            .map(|error| match text("err") {
                Some(said) => format!("{error}: {}", last(said)),
                None => error,
            })
            .or_else(|| complaint().map(last))
    }

    /// What an unfinished experiment shows is no answer yet: a prediction that is right must not be called wrong by it.
    fn prediction(&self, predict: &Predict, unfinished: bool) -> Mark {
        let made = self.answers.predict.get(&predict.id).cloned().unwrap_or_default();
        let place =
            Place { of: predict.of.clone(), file: predict.file.clone(), fact: predict.fact.clone(), answer: None };
        let value = self.value(&place);
        let trouble = self.trouble(predict.of.as_ref());
        let observed = match &predict.yes_if {
            _ if trouble.is_some() && value.is_none() => None,
            Some(condition) => Some(json!(if self.holds(condition, &place) { "yes" } else { "no" })),
            None => value,
        };
        let passed = observed.as_ref().is_some_and(|observed| agrees(predict, &made, observed));
        if unfinished {
            let found = Some("not observed yet: what shows it is not right yet, see below".to_owned());
            return Mark {
                predicted: Some(made),
                found,
                ..open(&format!("{PREDICT}{}", predict.id), &predict.question, 1)
            };
        }
        let found = match &observed {
            _ if passed => None,
            Some(observed) => Some(format!("you predicted {made}; observed: {}", spoken(observed))),
            None => Some(trouble.unwrap_or_else(|| "nothing could be observed".to_owned())),
        };
        Mark {
            predicted: Some(made),
            observed,
            passed,
            found,
            look: predict.look.clone().filter(|_| !passed),
            hint: predict.hints.first().cloned().filter(|_| !passed),
            ..open(&format!("{PREDICT}{}", predict.id), &predict.question, 1)
        }
    }

    fn check(&self, check: &Check) -> Mark {
        let around = check.condition.place(&Place::default());
        let failed = [&check.condition].into_iter().chain(&check.also).find(|one| !self.holds(one, &around));
        let Some(failed) = failed else {
            return Mark { passed: true, ..open(&check.id, &check.say, check.points) };
        };
        let mistake = check
            .mistake
            .iter()
            .find(|mistake| [&mistake.condition].into_iter().chain(&mistake.also).all(|one| self.holds(one, &around)));
        let place = failed.place(&around);
        let value = self.value(&place);
        let found = match (&value, self.trouble(place.of.as_ref())) {
            (None, Some(trouble)) => trouble,
            (value, _) => {
                let found = value.as_ref().map_or_else(|| "nothing".to_owned(), brief);
                format!("found {found}; wanted {}", failed.wanted(&|place| self.value(place)))
            }
        };
        Mark {
            found: Some(found),
            look: check.look.clone(),
            mistake: mistake.map(|mistake| mistake.id.clone()),
            hint: mistake.map(|mistake| mistake.say.clone()).or_else(|| check.hints.first().cloned()),
            ..open(&check.id, &check.say, check.points)
        }
    }
}

/// Whether a prediction is what was observed.
pub fn agrees(predict: &Predict, answer: &str, observed: &Value) -> bool {
    let wanted = Condition { is: Some(observed.clone()), within: predict.within, ..Condition::default() };
    [answer.to_owned(), answer.to_lowercase()].iter().any(|answer| wanted.holds(Some(&json!(answer)), &|_| None))
}

/// A fact in a line: a long list is cut.
fn brief(value: &Value) -> String {
    const MOST: usize = 160;
    let text = spoken(value);
    let first = text.lines().next().unwrap_or_default();
    let more = text.lines().count() > 1 || first.chars().count() > MOST;
    let shown: String = first.chars().take(MOST).collect();
    if more { format!("{shown} …") } else { shown }
}

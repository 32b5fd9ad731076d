//! Marking: predictions against what was observed, checks against what they ask for.

use super::answers::Answers;
use super::condition::{Condition, Place, lower};
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
    /// Whether anything was run: not before every prediction is made, and is one that can be right.
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
    if lab.manifest.predict.iter().any(|predict| unmade(predict, &answers).is_some()) {
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

/// Why a prediction is none yet: the first one is kept for good, so it should not be lost by a slip of the pen.
fn unmade(predict: &Predict, answers: &Answers) -> Option<String> {
    let Some(made) = answers.predict.get(&predict.id) else { return Some("no prediction yet".to_owned()) };
    let offered = predict.answers.is_empty() || predict.answers.iter().any(|answer| answer.eq_ignore_ascii_case(made));
    if !offered {
        return Some(format!("`{made}` is none of {}", predict.answers.join(", ")));
    }
    let is_number = || made.parse::<f64>().is_ok_and(f64::is_finite);
    (predict.number && !is_number()).then(|| format!("`{made}` is no number"))
}

/// Before all predictions are made: which are missing.
fn unmarked(lab: &Filled, answers: &Answers) -> Vec<Mark> {
    let predictions = lab.manifest.predict.iter().map(|predict| {
        let made = answers.predict.get(&predict.id).cloned();
        Mark {
            predicted: made,
            found: unmade(predict, answers),
            ..open(&format!("{PREDICT}{}", predict.id), &predict.question, 1)
        }
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
        let place = condition.place(around);
        let value = self.value(&place);
        if place.answer.is_some() {
            // What a person writes down is the same in any case.
            let resolve = |place: &Place| self.value(place).as_ref().map(lower);
            return condition.in_lower_case().holds(value.as_ref().map(lower).as_ref(), &resolve);
        }
        condition.holds(value.as_ref(), &|place| self.value(place))
    }

    /// Whether a check's condition holds: of an experiment that did not come so far nothing does.
    fn shows(&self, condition: &Condition, around: &Place) -> bool {
        !self.did_not_come(condition.place(around).of.as_ref()) && self.holds(condition, around)
    }

    /// A mistake is recognised by what is there, or by a value that it says is not.
    fn recognised(&self, condition: &Condition, around: &Place) -> bool {
        let is_there = self.value(&condition.place(around)).is_some();
        (is_there || condition.exists == Some(false)) && self.holds(condition, around)
    }

    /// Whether an experiment ended before anything could be observed.
    fn did_not_come(&self, of: Option<&String>) -> bool {
        of.and_then(|of| self.facts.get(of)).is_some_and(|facts| !facts["error"].is_null())
    }

    /// Why an experiment did not come as far as it should; what it said, where it did but failed.
    fn trouble(&self, of: Option<&String>) -> Option<String> {
        let facts = self.facts.get(of?)?;
        let text = |key: &str| facts[key].as_str().map(str::to_owned).filter(|text| !text.is_empty());
        let said = text("err").map(|text| essence(&text));
        match text("error") {
            Some(error) => Some(said.map_or(error.clone(), |said| format!("{error}: {said}"))),
            None => said.filter(|_| facts["pid"].is_null() && facts["exit"] != 0),
        }
    }

    /// What an unfinished experiment shows is no answer yet: a prediction that is right must not be called wrong by it.
    fn prediction(&self, predict: &Predict, unfinished: bool) -> Mark {
        let made = self.answers.predict.get(&predict.id).cloned().unwrap_or_default();
        let place =
            Place { of: predict.of.clone(), file: predict.file.clone(), fact: predict.fact.clone(), answer: None };
        let value = self.value(&place);
        let trouble = self.trouble(predict.of.as_ref());
        let observed = match &predict.yes_if {
            _ if !self.could_be_observed(predict) || trouble.is_some() && value.is_none() => None,
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

    /// Whether there is evidence at all: an experiment that came to where it is looked at, and was not given up by rlab; a
    /// file that is there.
    fn could_be_observed(&self, predict: &Predict) -> bool {
        /// Docker's number for "it was not even started", and rlab's.
        const NOT_STARTED: i64 = 125;
        let given_up = |of: &String| self.facts.get(of).is_some_and(|facts| facts["exit"] == NOT_STARTED);
        let file_is_there = |name: &String| self.bench.folder.join(name).exists();
        !self.did_not_come(predict.of.as_ref())
            && !predict.of.as_ref().is_some_and(given_up)
            && predict.file.as_ref().is_none_or(file_is_there)
    }

    fn check(&self, check: &Check) -> Mark {
        let around = check.condition.place(&Place::default());
        let failed = [&check.condition].into_iter().chain(&check.also).find(|one| !self.shows(one, &around));
        let Some(failed) = failed else {
            return Mark { passed: true, ..open(&check.id, &check.say, check.points) };
        };
        let mistake = check.mistake.iter().find(|mistake| {
            [&mistake.condition].into_iter().chain(&mistake.also).all(|one| self.recognised(one, &around))
        });
        Mark {
            found: Some(self.found(failed, &failed.place(&around))),
            look: check.look.clone(),
            mistake: mistake.map(|mistake| mistake.id.clone()),
            hint: mistake.map(|mistake| mistake.say.clone()).or_else(|| check.hints.first().cloned()),
            ..open(&check.id, &check.say, check.points)
        }
    }

    /// What was found where a condition does not hold, and what was asked for.
    fn found(&self, failed: &Condition, place: &Place) -> String {
        let value = self.value(place);
        if place.answer.is_some() {
            // What is asked for is what the student is to find out.
            return value.map_or_else(
                || "nothing is written down yet".to_owned(),
                |value| format!("you wrote {}; that is not what is observed", brief(&value)),
            );
        }
        let trouble = self.trouble(place.of.as_ref());
        if let Some(trouble) = trouble.as_ref().filter(|_| value.is_none() || self.did_not_come(place.of.as_ref())) {
            return trouble.clone();
        }
        let found = value.as_ref().map_or_else(|| "nothing".to_owned(), brief);
        let said = trouble.map(|trouble| format!("; it said: {trouble}")).unwrap_or_default();
        format!("found {found}; wanted {}{said}", failed.wanted(&|place| self.value(place)))
    }
}

/// What matters of a script's errors, in two lines: from rlab's own on, where there is one; else the last.
fn essence(text: &str) -> String {
    const LINES: usize = 2;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let from = lines.iter().position(|line| line.starts_with("rlab:")).unwrap_or(lines.len().saturating_sub(LINES));
    lines.into_iter().skip(from).take(LINES).collect::<Vec<_>>().join(" ")
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

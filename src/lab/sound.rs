//! Whether a manifest means what it says: what would make a check check nothing, or a mistake be seen in every answer, is
//! refused when the manifest is read.

use super::condition::{self, Condition, PLACE_KEYS, Place};
use super::manifest::{Check, Experiment, Manifest, Mistake, PREDICT, Predict, Wrong};
use std::collections::BTreeSet;
use toml::{Table, Value};

const CHECK_KEYS: &[&str] = &["id", "say", "points", "also", "look", "hints", "mistake"];
const MISTAKE_KEYS: &[&str] = &["id", "say", "also"];

/// Keys that serde passes over: of tables that are made of two, and of conditions inside them.
pub fn keys(table: &Table) -> Result<(), String> {
    for check in tables(table, "check") {
        known(check, CHECK_KEYS, &named("check", check))?;
        for mistake in tables(check, "mistake") {
            known(mistake, MISTAKE_KEYS, &named("mistake", mistake))?;
        }
    }
    for predict in tables(table, "predict") {
        if let Some(yes_if) = predict.get("yes_if").and_then(Value::as_table) {
            known(yes_if, &[], &named("prediction", predict))?;
        }
    }
    Ok(())
}

fn tables<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn named(what: &str, table: &Table) -> String {
    format!("{what} {}", table.get("id").and_then(Value::as_str).unwrap_or("?"))
}

/// Whether all keys of a condition are known, those beside it, those of `also`, and those of the places it compares with.
fn known(table: &Table, own: &[&str], what: &str) -> Result<(), String> {
    for (key, value) in table {
        let is_condition = condition::KEYS.contains(&key.as_str());
        if !is_condition && !own.contains(&key.as_str()) {
            return Err(format!("{what}: nobody knows the key `{key}`"));
        }
        let place = value.as_table().filter(|_| is_condition);
        if let Some(key) = place.and_then(|place| place.keys().find(|key| !PLACE_KEYS.contains(&key.as_str()))) {
            return Err(format!("{what}: nobody knows the key `{key}`"));
        }
    }
    tables(table, "also").try_for_each(|also| known(also, &[], what))
}

/// What contradicts itself.
pub fn manifest(lab: &Manifest) -> Result<(), String> {
    distinct(lab.check.iter().map(|check| &check.id))?;
    distinct(lab.predict.iter().map(|predict| &predict.id))?;
    distinct(lab.experiment.iter().map(|experiment| &experiment.id))?;
    distinct(lab.wrong.iter().map(|wrong| &wrong.id))?;
    lab.experiment.iter().try_for_each(experiment)?;
    lab.check.iter().try_for_each(|one| check(lab, one))?;
    lab.predict.iter().try_for_each(|one| predict(lab, one))?;
    lab.wrong.iter().try_for_each(|one| wrong(lab, one))
}

fn distinct<'a>(ids: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(format!("two things are called `{id}`"));
        }
    }
    Ok(())
}

fn experiment(experiment: &Experiment) -> Result<(), String> {
    let sources = [&experiment.script, &experiment.trace, &experiment.json];
    if sources.into_iter().flatten().count() != 1 {
        return Err(format!("experiment {}: one of script, trace, json", experiment.id));
    }
    Ok(())
}

fn check(lab: &Manifest, check: &Check) -> Result<(), String> {
    let what = format!("check {}", check.id);
    let around = check.condition.place(&Place::default());
    for condition in [&check.condition].into_iter().chain(&check.also) {
        compares(lab, condition, &around, &what)?;
    }
    for Mistake { id, condition, also, .. } in &check.mistake {
        for condition in [condition].into_iter().chain(also) {
            compares(lab, condition, &around, &format!("{what}, mistake {id}"))?;
        }
    }
    if check.hints.len() < 2 {
        return Err(format!("{what}: a ladder has two hints or more"));
    }
    Ok(())
}

fn predict(lab: &Manifest, predict: &Predict) -> Result<(), String> {
    let what = format!("prediction {}", predict.id);
    if predict.of.is_none() && predict.file.is_none() {
        return Err(format!("{what}: observed where? of or file is missing"));
    }
    let Predict { of, file, fact, .. } = predict.clone();
    let around = Place { of, file, fact, answer: None };
    there(lab, &around, &what)?;
    if let Some(yes_if) = &predict.yes_if {
        compares(lab, yes_if, &around, &what)?;
    }
    if predict.hints.is_empty() {
        return Err(format!("{what}: a hint is missing"));
    }
    Ok(())
}

fn wrong(lab: &Manifest, wrong: &Wrong) -> Result<(), String> {
    let known = match wrong.check.strip_prefix(PREDICT) {
        Some(id) => lab.predict.iter().any(|predict| predict.id == id),
        None => lab.check.iter().any(|check| {
            let recognised = |wanted: &String| check.mistake.iter().any(|mistake| &mistake.id == wanted);
            check.id == wrong.check && wrong.mistake.as_ref().is_none_or(recognised)
        }),
    };
    if known { Ok(()) } else { Err(format!("wrong answer {}: no check `{}` with that mistake", wrong.id, wrong.check)) }
}

/// Whether a condition compares a value that can be there with something.
fn compares(lab: &Manifest, condition: &Condition, around: &Place, what: &str) -> Result<(), String> {
    if condition.compares_nothing() {
        return Err(format!("{what}: a condition compares nothing"));
    }
    let place = condition.place(around);
    if place.of.is_none() && place.answer.is_none() && place.file.is_none() {
        return Err(format!("{what}: a condition looks nowhere: of, answer or file is missing"));
    }
    there(lab, &place, what)?;
    condition.compared_with().iter().try_for_each(|place| there(lab, place, what))
}

/// Whether the lab has what a place names.
fn there(lab: &Manifest, place: &Place, what: &str) -> Result<(), String> {
    if let Some(of) = place.of.as_ref().filter(|of| lab.experiment(of).is_none()) {
        return Err(format!("{what}: there is no experiment `{of}`"));
    }
    let asked = |answer: &&String| !lab.question.iter().any(|question| question.id == **answer);
    if let Some(answer) = place.answer.as_ref().filter(asked) {
        return Err(format!("{what}: nothing asks for `{answer}`"));
    }
    Ok(())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A lab with one of everything.
    pub const LAB: &str = r#"
        number = 1
        title = "T"
        minutes = 20
        about = "A."
        [[experiment]]
        id = "e"
        script = "e.sh"
        [[predict]]
        id = "p"
        question = "Q?"
        of = "e"
        yes_if = { fact = "out", is = "x" }
        hints = ["h"]
        [[check]]
        id = "c"
        say = "S"
        of = "e"
        fact = "exit"
        is = 0
        also = [{ fact = "out", is = { file = "f" } }]
        hints = ["a", "b"]
        [[check.mistake]]
        id = "m"
        at_least = 1
        say = "M"
    "#;

    fn refusal(from: &str, to: &str) -> String {
        assert!(LAB.contains(from), "{from}");
        Manifest::parse(&LAB.replacen(from, to, 1)).unwrap_err()
    }

    #[test]
    fn what_would_check_nothing_is_refused() {
        Manifest::parse(LAB).unwrap();
        for (from, to, told) in [
            ("is = 0", "iss = 0", "`iss`"),
            ("fact = \"exit\"\n        is = 0", "fact = \"exit\"", "compares nothing"),
            ("of = \"e\"\n        fact", "of = \"f\"\n        fact", "check c: there is no experiment `f`"),
            ("of = \"e\"\n        fact", "fact", "looks nowhere"),
            ("of = \"e\"\n        fact", "answer = \"x\"\n        fact", "nothing asks for `x`"),
            ("of = \"e\"\n        yes_if", "of = \"f\"\n        yes_if", "prediction p: there is no experiment `f`"),
            ("is = \"x\"", "iss = \"x\"", "prediction p: nobody knows the key `iss`"),
            (", is = \"x\"", "", "prediction p: a condition compares nothing"),
            ("{ file = \"f\" }", "{ of = \"e\", fcat = \"f\" }", "check c: nobody knows the key `fcat`"),
            ("{ fact = \"out\", is = {", "{ fcat = \"out\", is = {", "check c: nobody knows the key `fcat`"),
            ("{ file = \"f\" }", "{ of = \"f\" }", "check c: there is no experiment `f`"),
            ("at_least = 1", "", "check c, mistake m: a condition compares nothing"),
            ("script = \"e.sh\"", "", "one of script"),
            ("\"a\", \"b\"", "\"a\"", "two hints"),
            ("[\"h\"]", "[]", "a hint is missing"),
        ] {
            let refused = refusal(from, to);
            assert!(refused.contains(told), "{to}: {refused}");
        }
    }
}

//! That the comparison finds every lie: each call of a real trace is dropped, told twice, given another result, and told with
//! another value for each of its arguments, and each time that is what the verdict says.

use super::change::{Change, told};
use super::compare::{Disagreement, Event, Happened, compare};
use super::table::compared;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many lies were told and found, by sort.
pub type Found = BTreeMap<&'static str, usize>;

/// Tells every lie about every call, one at a time. The trace as it is must be true.
pub fn every_lie_is_found(events: &[Event], happened: &[Happened]) -> Found {
    let verdict = compare(events, happened);
    assert!(verdict.disagreements.is_empty(), "it is not true to begin with");
    let mut found = Found::new();
    for at in (0..events.len()).filter(|at| events[*at]["kind"] == "call") {
        dropped(events, happened, at, &mut found);
        invented(events, happened, at, &mut found);
        swapped(events, happened, at, &mut found);
        with_another_result(events, happened, at, &mut found);
        with_other_arguments(events, happened, at, &mut found);
    }
    found
}

/// What the verdict says when the event at `at` is changed. Only its own process is looked at: the others are as they were.
fn lie(events: &[Event], happened: &[Happened], at: usize, change: impl FnOnce(&mut Vec<Event>)) -> Vec<Disagreement> {
    let pid = &events[at]["pid"];
    let mut changed = events.to_vec();
    change(&mut changed);
    changed.retain(|event| event["pid"] == *pid);
    let process = happened.iter().position(|process| *pid == process.pid).unwrap();
    compare(&changed, &happened[process..=process]).disagreements
}

fn dropped(events: &[Event], happened: &[Happened], at: usize, found: &mut Found) {
    let call = told(&events[at]);
    match &lie(events, happened, at, |events| drop(events.remove(at)))[..] {
        [Disagreement::Missing(_, missing)] if *missing == call => *found.entry("dropped").or_default() += 1,
        // It only opened a file, which changes nothing.
        [] if call.call == "openat" => *found.entry("dropped, and not owed").or_default() += 1,
        other => panic!("{call} was dropped, and the verdict is {other:?}"),
    }
}

fn invented(events: &[Event], happened: &[Happened], at: usize, found: &mut Found) {
    let call = told(&events[at]);
    match &lie(events, happened, at, |events| events.insert(at, events[at].clone()))[..] {
        [Disagreement::Invented(_, twice)] if *twice == call => *found.entry("invented").or_default() += 1,
        other => panic!("{call} was told twice, and the verdict is {other:?}"),
    }
}

/// With the next call of the same process, unless that is the same call again.
fn swapped(events: &[Event], happened: &[Happened], at: usize, found: &mut Found) {
    let next = (at + 1..events.len())
        .find(|next| events[*next]["pid"] == events[at]["pid"] && events[*next]["kind"] == "call");
    let Some(next) = next else { return };
    let (one, other) = (told(&events[at]), told(&events[next]));
    if one == other {
        return;
    }
    let either = |change: &Change| *change == one || *change == other;
    match &lie(events, happened, at, |events| events.swap(at, next))[..] {
        [Disagreement::Altered { .. }, Disagreement::Altered { .. }] => {}
        [Disagreement::Missing(_, missing), Disagreement::Invented(_, invented)]
        | [Disagreement::Invented(_, invented), Disagreement::Missing(_, missing)]
            if missing == invented && either(missing) => {}
        // One that need not have been told is told in the wrong place.
        [Disagreement::Invented(_, invented)] if either(invented) => {}
        verdict => panic!("{one} and {other} were swapped, and the verdict is {verdict:?}"),
    }
    *found.entry("swapped").or_default() += 1;
}

fn with_another_result(events: &[Event], happened: &[Happened], at: usize, found: &mut Found) {
    let call = told(&events[at]);
    let verdict = lie(events, happened, at, |events| {
        let failed = events[at].remove("errno").is_some();
        events[at]
            .insert(if failed { "ret" } else { "errno" }.to_owned(), if failed { json!(0) } else { json!("EIO") });
    });
    match &verdict[..] {
        [Disagreement::Altered { seen, .. }] if *seen == call => *found.entry("another result").or_default() += 1,
        // There is no such call that would have to be told.
        [Disagreement::Invented(_, _)] => *found.entry("another result").or_default() += 1,
        other => panic!("{call} was given another result, and the verdict is {other:?}"),
    }
}

fn with_other_arguments(events: &[Event], happened: &[Happened], at: usize, found: &mut Found) {
    let call = told(&events[at]);
    let table = compared(&call.call).unwrap();
    for name in events[at]["args"].as_object().unwrap().keys() {
        let verdict = lie(events, happened, at, |events| {
            let value = &mut events[at]["args"][name];
            *value = if *value == json!("other") { json!("another") } else { json!("other") };
        });
        let is_compared = table.args.iter().any(|(of, _)| of == name);
        match &verdict[..] {
            [Disagreement::Altered { .. } | Disagreement::Invented(..)] if is_compared => {
                *found.entry("argument").or_default() += 1
            }
            [] if table.not.iter().any(|(of, _)| of == name) => {
                *found.entry("argument that is not compared").or_default() += 1
            }
            other => panic!("{call} was told with another {name}, and the verdict is {other:?}"),
        }
    }
    // One more than there are.
    let verdict = lie(events, happened, at, |events| {
        events[at]["args"].as_object_mut().unwrap().insert("more".to_owned(), Value::Null);
    });
    assert_eq!(verdict.len(), 1, "{call} was told with one more argument, and the verdict is {verdict:?}");
}

//! One table: attempt, the layers that block it, and what happens when they are gone.

use super::host::Host;
use super::layer::{ALL_POWER, Layer, without};
use super::range::range;
use super::rows::{self, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;

/// Which layers are taken away in a run.
type Removed = BTreeSet<Layer>;

/// Every run that a row asks for, and what must come of it.
fn runs(row: &Row) -> Vec<(Removed, &'static str)> {
    let all: Removed = row.by.iter().map(|(layer, _)| *layer).collect();
    let mut runs = vec![(Removed::new(), row.by[0].1), (all.clone(), row.through)];
    for (layer, alone) in &row.by {
        runs.push((all.iter().copied().filter(|other| other != layer).collect(), alone));
    }
    runs
}

/// The whole table.
fn table(host: &Host) -> Vec<Row> {
    rows::all().into_iter().chain(host.rows.iter().cloned()).collect()
}

#[test]
fn each_way_out_is_blocked_by_the_layer_that_is_named() {
    let range = range!();
    let host = Host::new(&range);
    let rows = table(&host);
    let mut wanted: BTreeMap<Vec<String>, Vec<(&Row, &str)>> = BTreeMap::new();
    for row in &rows {
        for (removed, outcome) in runs(row) {
            let layers: Vec<Layer> = removed.into_iter().collect();
            wanted.entry(without(&range, &layers)).or_default().push((row, outcome));
        }
        if row.by[0].0.goes_with_all() {
            // Neither the filter nor the capabilities are what blocks it.
            wanted.entry(ALL_POWER.map(str::to_owned).to_vec()).or_default().push((row, row.by[0].1));
        }
    }
    let mut wrong = vec![];
    for (flags, expected) in &wanted {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let attempts: BTreeSet<&str> = expected.iter().map(|(row, _)| row.attempt.as_str()).collect();
        let came = range.attack(&flags, &attempts.into_iter().collect::<Vec<_>>());
        for (row, outcome) in expected {
            let found = came.get(&row.attempt).map_or("no answer", String::as_str);
            if !outcome.split('|').any(|one| one == found) {
                wrong.push(format!("{} with {flags:?}: {found}, wanted {outcome}", row.attempt));
            }
        }
    }
    tell(&rows, wanted.len(), wanted.values().map(Vec::len).sum());
    assert!(wrong.is_empty(), "{} of the outcomes are not as they should be:\n{}", wrong.len(), wrong.join("\n"));
    range.assert_marker_untouched();
}

/// The table, past the test runner's capture.
fn tell(rows: &[Row], containers: usize, outcomes: usize) {
    let mut text = String::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        let names: Vec<String> = row.by.iter().map(|(layer, _)| layer.name()).collect();
        let short: String = row.attempt.chars().take(48).collect();
        let _ = writeln!(text, "{short:<49} {:<17} {:<44} then {}", row.by[0].1, names.join(", "), row.through);
        for name in names {
            *counts.entry(name).or_default() += 1;
        }
    }
    let by: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let _ = writeln!(
        text,
        "{} attempts, {outcomes} outcomes in {containers} containers; blocked by {}",
        rows.len(),
        by.join(", ")
    );
    let _nobody_reads = std::io::stderr().write_all(text.as_bytes());
}

/// The same attempts under runc, by the same config.json: who knows Docker's walls knows these.
#[test]
fn runc_blocks_the_same_with_the_same_answers() {
    crate::harness::need!(programs(&["runc"], "apt install runc"));
    let range = range!();
    let host = Host::new(&range);
    // runc let every container have tun until version 1.2.
    let attempts = table(&host).into_iter().map(|row| row.attempt).filter(|attempt| !attempt.ends_with(",tun"));
    let attempts: Vec<String> = attempts.collect();
    let attempts: Vec<&str> = attempts.iter().map(String::as_str).collect();
    let ours = range.attack(&[], &attempts);
    let theirs = range.attack_under_runc(&attempts);
    let differ: Vec<_> = attempts.iter().filter(|attempt| ours[**attempt] != theirs[**attempt]).collect();
    let told: Vec<_> = differ.iter().map(|at| format!("{at}: {} here, {} there", ours[**at], theirs[**at])).collect();
    assert!(told.is_empty(), "{} of {} answers differ:\n{}", told.len(), attempts.len(), told.join("\n"));
}

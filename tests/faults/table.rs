//! The matrix as a table, and what of it is not as it should be.

use super::row::{Row, Verdict};
use comfy_table::Table as Printed;
use std::collections::BTreeMap;

/// All rows of one kind of fault.
pub struct Table {
    title: &'static str,
    rows: Vec<Row>,
}

impl Table {
    pub fn new(title: &'static str) -> Table {
        Table { title, rows: vec![] }
    }

    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// A line for each stage, call and fault: how many such calls, and how they ended.
    pub fn print(&self) {
        let mut lines = BTreeMap::<(&str, &str, &str), BTreeMap<&str, usize>>::new();
        let mut order = vec![];
        for row in &self.rows {
            let key = (row.stage.as_str(), row.call.as_str(), row.fault.as_str());
            if !lines.contains_key(&key) {
                order.push(key);
            }
            *lines.entry(key).or_default().entry(row.verdict.word()).or_default() += 1;
        }
        let mut printed = Printed::new();
        printed.load_style(comfy_table::presets::NOTHING).set_header(["stage", "call", "fault", "verdict"]);
        for key in order {
            let verdicts: Vec<String> = lines[&key].iter().map(|(word, count)| format!("{word} {count}")).collect();
            printed.add_row([key.0, key.1, key.2, &verdicts.join(", ")]);
        }
        crate::harness::tell(&format!(
            "{}\n{printed}\n{} rows, {} leak or lie",
            self.title,
            self.rows.len(),
            self.wrong().len()
        ));
    }

    /// The rows that are not as they should be.
    pub fn wrong(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| matches!(row.verdict, Verdict::Wrong(_))).collect()
    }

    /// Fails the test if a row is not as it should be.
    #[track_caller]
    pub fn assert_clean(&self) {
        let told: Vec<String> = self.wrong().iter().map(|row| row.told()).collect();
        assert!(told.is_empty(), "{} of {} rows:\n{}", told.len(), self.rows.len(), told.join("\n"));
    }
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Verdict::Refused => "refused",
            Verdict::WentOn => "went on",
            Verdict::Swept => "swept",
            Verdict::Wrong(_) => "WRONG",
        }
    }
}

impl Row {
    fn told(&self) -> String {
        let wrong = if let Verdict::Wrong(wrong) = &self.verdict { wrong } else { "" };
        format!(
            "{}/{} #{}, {}: exit code {:?}\n    {}",
            self.stage,
            self.call,
            self.nth,
            self.fault,
            self.code,
            wrong.trim().replace('\n', "\n    ")
        )
    }
}

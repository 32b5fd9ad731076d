//! What was shown, as text: an observation with its three places below each other, since what the kernel says is long.

use super::said::{item, point};
use crate::vm::compare::show::{Row, Shown};

/// Everything, as it is printed.
pub fn text(shown: &Shown) -> String {
    let mut text = format!("{}\n", shown.question);
    for row in &shown.rows {
        text += &block(row);
    }
    if !shown.failed.is_empty() {
        text.push('\n');
        text.extend(shown.failed.iter().map(|one| point(&format!("{}, not shown: {}", one.side.word(), one.why))));
    }
    text.push('\n');
    text.extend(shown.said.iter().map(|sentence| point(sentence)));
    text
}

fn block(row: &Row) -> String {
    let places = [("  host", &row.host), ("  container", &row.container), ("  VM", &row.machine)];
    let told = places.iter().filter(|(_, seen)| !seen.is_empty());
    format!("\n{}\n", row.what) + &told.map(|(place, seen)| item(place, seen)).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::compare::show::Show;

    #[test]
    fn each_place_stands_on_a_line_of_its_own_and_what_is_empty_on_none() {
        let row =
            Row { what: "clock".to_owned(), host: String::new(), container: "1".to_owned(), machine: "2".to_owned() };
        let shown = Shown {
            v: 1,
            show: Show::Kernel,
            question: "Which?",
            rows: vec![row],
            failed: vec![],
            said: vec!["so".to_owned()],
        };
        assert_eq!(text(&shown), "Which?\n\nclock\n  container 1\n  VM        2\n\n- so\n");
    }
}

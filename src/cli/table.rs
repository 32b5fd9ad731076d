//! Tables as docker prints them: a header in capitals, three spaces between columns, no lines.

use super::ui::harmless;
use comfy_table::{ContentArrangement, Table, presets};

/// Lays out rows under a header, or the header alone.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Never folded: scripts cut these columns, and a terminal wraps by itself.
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row.iter().map(|cell| harmless(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_three_spaces_apart_and_lines_end_at_their_text() {
        let rows = [vec!["nginx".to_owned(), "latest".to_owned()], vec!["a".to_owned(), "b".to_owned()]];
        assert_eq!(table(&["REPOSITORY", "TAG"], &rows), "REPOSITORY   TAG\nnginx        latest\na            b\n");
        assert_eq!(table(&["A"], &[vec!["\x1b[2J".to_owned()]]), "A\n\\u{1b}[2J\n");
        assert_eq!(table(&["REPOSITORY", "TAG"], &[]), "REPOSITORY   TAG\n");
    }
}

//! What others measured and published, to be laid beside one's own figures: a table of data, each row with its source.
//!
//! A row read in the work itself is told apart from one that only a second source quotes.

use serde::{Deserialize, Serialize};

/// The rows.
const TABLE: &str = include_str!("published.toml");

/// One published figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// Without either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<String>,
    /// In a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// In a virtual machine.
    pub machine: String,
    /// Where it stands.
    pub source: String,
    /// Whether it was read there, or where another quotes it.
    pub read: Read,
}

/// How a figure came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// In the source itself.
    First,
    /// In a work that quotes it.
    SecondHand,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    figure: Vec<Figure>,
}

/// All rows. The table is part of the program, and a test reads it.
pub fn figures() -> Vec<Figure> {
    toml::from_str::<Table>(TABLE).map(|table| table.figure).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_every_row_has_its_source() {
        let read: Table = toml::from_str(TABLE).unwrap();
        assert_eq!(read.figure.len(), figures().len());
        assert!(read.figure.len() >= 8);
        for figure in &read.figure {
            assert!(!figure.source.is_empty() && !figure.machine.is_empty(), "{figure:?}");
        }
        assert!(read.figure.iter().any(|figure| figure.read == Read::SecondHand));
    }
}

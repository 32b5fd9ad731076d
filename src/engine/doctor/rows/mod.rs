//! From facts to rows, a file for each subject. Pure.

mod groups;
mod host;
mod machine;
mod namespaces;
mod network;
mod storage;

pub use host::version;

use super::{Facts, Row};

/// Every row, in the order in which a reader asks.
pub fn all(facts: &Facts) -> Vec<Row> {
    let subjects = [host::rows, groups::rows, namespaces::rows, storage::rows, network::rows, machine::rows];
    subjects.iter().flat_map(|rows| rows(facts)).collect()
}

/// What to do when a thing was refused to someone who is not root.
fn as_root(facts: &Facts, otherwise: &str) -> String {
    if facts.uid == 0 { otherwise.to_owned() } else { "sudo rlab doctor".to_owned() }
}

//! What a check knows: facts read from the kernel and from the trace, as JSON, found by words.
//!
//! `mounts /proc type` is the value of `type` in `/proc` in `mounts`. A key that has a blank in it is named with an
//! underscore in its place; an item of a list by its place, or by its `id` where it has one. Everything here only reads.

mod cgroup;
mod files;
mod mounts;
mod network;
mod process;
mod told;

pub use files::of_file;
pub use process::{every_process, of_process};
pub use told::{of_trace, running_container};

use serde_json::Value;

/// The value at the end of the words; without words all of it.
pub fn find<'a>(facts: &'a Value, words: &str) -> Option<&'a Value> {
    let mut at = facts;
    for word in words.split_whitespace() {
        at = match at {
            Value::Object(fields) => fields
                .get(word)
                .or_else(|| fields.iter().find(|(key, _)| key.replace(' ', "_") == word).map(|(_, value)| value))?,
            Value::Array(items) => match word.parse::<usize>() {
                Ok(place) => items.get(place)?,
                Err(_) => items.iter().find(|item| item["id"] == word)?,
            },
            _ => return None,
        };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_lead_to_a_value() {
        let facts = json!({ "mounts": { "/proc": { "type": "proc" } }, "list": [1, { "id": "a" }], "host name": "x" });
        assert_eq!(find(&facts, "mounts /proc type"), Some(&json!("proc")));
        assert_eq!(find(&facts, "list 0"), Some(&json!(1)));
        assert_eq!(find(&facts, "list a"), find(&facts, "list 1"));
        assert_eq!(find(&facts, "host_name"), Some(&json!("x")));
        assert_eq!(find(&facts, ""), Some(&facts));
        for nowhere in ["mounts /sys", "list 2", "list x", "host_name y"] {
            assert_eq!(find(&facts, nowhere), None, "{nowhere}");
        }
    }
}

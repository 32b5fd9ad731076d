//! What differs from student to student: names, ports, sizes, drawn from the student's seed.
//!
//! The same seed gives the same values on every machine and in every version: a draw is a SHA-256 of seed, lab and name. It
//! is no secret; it only sees to it that a neighbour's answers are wrong here.

use crate::image::digest::Digest;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How one value is drawn.
#[derive(Deserialize, Debug, Clone)]
#[serde(untagged, deny_unknown_fields)]
pub enum Draw {
    /// One of these.
    Words {
        /// The choice.
        words: Vec<String>,
    },
    /// A prefix, a dash and four hex digits.
    Prefix {
        /// What it begins with.
        prefix: String,
    },
    /// A whole number.
    Range {
        /// The least.
        from: u64,
        /// The most.
        to: u64,
        /// The distance between two that can be drawn.
        #[serde(default = "one")]
        step: u64,
    },
}

fn one() -> u64 {
    1
}

/// One student's values of one lab, by name.
pub type Values = BTreeMap<String, String>;

/// Draws them all.
pub fn draw(draws: &BTreeMap<String, Draw>, seed: &str, lab: &str) -> Values {
    draws.iter().map(|(name, how)| (name.clone(), one_value(how, number(seed, lab, name)))).collect()
}

/// The same everywhere for one seed, and about as good as chance.
fn number(seed: &str, lab: &str, name: &str) -> u64 {
    let digest = Digest::sha256(format!("{seed}\n{lab}\n{name}").as_bytes());
    u64::from_str_radix(&digest.hex()[..15], 16).unwrap_or_default()
}

fn one_value(how: &Draw, number: u64) -> String {
    match how {
        Draw::Words { words } => {
            let count = words.len().max(1) as u64;
            words.get(usize::try_from(number % count).unwrap_or_default()).cloned().unwrap_or_default()
        }
        Draw::Prefix { prefix } => format!("{prefix}-{:04x}", number & 0xffff),
        Draw::Range { from, to, step } => {
            let steps = (to.saturating_sub(*from)) / (*step).max(1) + 1;
            (from + number % steps * step).to_string()
        }
    }
}

/// Puts the values into a text's places: `{{name}}`. What is no value's name stays as it is.
pub fn fill(text: &str, values: &Values) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

/// A place that is left, if there is one: no value has its name. A `{{#…}}` is the book's.
pub fn unfilled(text: &str) -> Option<&str> {
    let place = text.match_indices("{{").map(|(at, _)| &text[at..]).find(|rest| {
        rest[2..].split("}}").next().is_some_and(|name| {
            !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        })
    })?;
    place.find("}}").map(|end| &place[..end + 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_seed_is_a_promise() {
        let draws: BTreeMap<String, Draw> =
            toml::from_str("box = { prefix = \"box\" }\nport = { from = 18000, to = 18999 }\nhost = { words = [\"amber\", \"birch\"] }")
                .unwrap();
        // Written down: a later version must not give a student other values in the middle of a course.
        let values = draw(&draws, "ada", "03-namespaces");
        let told: Vec<&str> = values.values().map(String::as_str).collect();
        assert_eq!(told, ["box-f26b", "birch", "18087"]);
        assert_ne!(values, draw(&draws, "bob", "03-namespaces"));
        assert_eq!(fill("{{box}} {{port}} {{none}}", &values), "box-f26b 18087 {{none}}");
        assert_eq!(unfilled("a {{none}} b"), Some("{{none}}"));
        assert_eq!(unfilled("{{#lab 1}} {{}} ${{a b}}"), None);
    }

    proptest! {
        #[test]
        fn a_number_lies_where_it_may(from in 0u64..1000, span in 0u64..1000, step in 1u64..50, seed in ".{0,8}") {
            let how = Draw::Range { from, to: from + span, step };
            let value: u64 = one_value(&how, number(&seed, "l", "n")).parse().unwrap();
            prop_assert!((from..=from + span).contains(&value) && (value - from).is_multiple_of(step));
        }

        #[test]
        fn any_text_is_read_without_harm(text in ".{0,60}") {
            let _ = unfilled(&text);
        }
    }
}

//! What a check asks for: a place where a value is, and what it is compared with.

use serde::Deserialize;
use serde_json::{Value, json};

/// The keys of a condition in `lab.toml`.
pub const KEYS: &[&str] = &[
    "of", "answer", "file", "fact", "is", "is_not", "has", "has_not", "at_least", "at_most", "exists", "one_of",
    "within",
];

/// Those of them that say where a value is.
pub const PLACE_KEYS: &[&str] = &["of", "answer", "file", "fact"];

/// Where a value is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Place {
    /// In the facts of an experiment.
    pub of: Option<String>,
    /// In the student's answers.
    pub answer: Option<String>,
    /// In a file of the student's.
    pub file: Option<String>,
    /// Which one, key by key.
    pub fact: Option<String>,
}

/// A place and comparisons, all of which must hold.
#[derive(Deserialize, Debug, Clone, Default, PartialEq)]
pub struct Condition {
    /// The experiment.
    pub of: Option<String>,
    /// The answer.
    pub answer: Option<String>,
    /// The file.
    pub file: Option<String>,
    /// The fact.
    pub fact: Option<String>,
    /// Equal.
    pub is: Option<Value>,
    /// Not equal.
    pub is_not: Option<Value>,
    /// A list with the item, a text with the part, an object with the key.
    pub has: Option<Value>,
    /// One without.
    pub has_not: Option<Value>,
    /// A number not less.
    pub at_least: Option<Value>,
    /// A number not more.
    pub at_most: Option<Value>,
    /// Whether there is a value at all.
    pub exists: Option<bool>,
    /// Equal to one of these.
    pub one_of: Option<Vec<Value>>,
    /// How far from `is` a number may be, relative to it.
    pub within: Option<f64>,
}

impl Condition {
    /// Where its own value is; what it does not say, the check around it says.
    pub fn place(&self, around: &Place) -> Place {
        let own = Place {
            of: self.of.clone(),
            answer: self.answer.clone(),
            file: self.file.clone(),
            fact: self.fact.clone(),
        };
        if own.of.is_some() || own.answer.is_some() || own.file.is_some() {
            return own;
        }
        Place { fact: own.fact.or_else(|| around.fact.clone()), ..around.clone() }
    }

    /// The same, with every text in small letters.
    pub fn in_lower_case(&self) -> Condition {
        let small = |value: &Option<Value>| value.as_ref().map(lower);
        Condition {
            is: small(&self.is),
            is_not: small(&self.is_not),
            has: small(&self.has),
            has_not: small(&self.has_not),
            one_of: self.one_of.as_ref().map(|all| all.iter().map(lower).collect()),
            ..self.clone()
        }
    }

    /// Whether it would hold whatever the value is.
    pub fn compares_nothing(&self) -> bool {
        let values = [&self.is, &self.is_not, &self.has, &self.has_not, &self.at_least, &self.at_most];
        values.iter().all(|value| value.is_none()) && self.exists.is_none() && self.one_of.is_none()
    }

    /// The places whose values its own is compared with.
    pub fn compared_with(&self) -> Vec<Place> {
        let compared = [&self.is, &self.is_not, &self.has, &self.has_not, &self.at_least, &self.at_most];
        compared.into_iter().flatten().filter_map(referred).collect()
    }

    /// Whether it holds for a value; `resolve` reads the other places that it names.
    pub fn holds(&self, value: Option<&Value>, resolve: &dyn Fn(&Place) -> Option<Value>) -> bool {
        let literal = |wanted: &Value| match referred(wanted) {
            Some(place) => resolve(&place),
            None => Some(wanted.clone()),
        };
        let compare = |wanted: &Option<Value>, test: &dyn Fn(&Value, &Value) -> bool| {
            wanted.as_ref().is_none_or(|wanted| match (value, literal(wanted)) {
                (Some(value), Some(wanted)) => test(value, &wanted),
                _ => false,
            })
        };
        // What is not there is not equal to anything and holds nothing.
        let compare_not = |wanted: &Option<Value>, test: &dyn Fn(&Value, &Value) -> bool| {
            wanted.as_ref().is_none_or(|wanted| match (value, literal(wanted)) {
                (Some(value), Some(wanted)) => !test(value, &wanted),
                (None, _) => true,
                (_, None) => false,
            })
        };
        let order = |least: bool| {
            move |value: &Value, wanted: &Value| match (number(value), number(wanted)) {
                (Some(value), Some(wanted)) => {
                    if least {
                        value >= wanted
                    } else {
                        value <= wanted
                    }
                }
                _ => false,
            }
        };
        compare(&self.is, &|value, wanted| equal(value, wanted, self.within))
            && compare_not(&self.is_not, &|value, wanted| equal(value, wanted, None))
            && compare(&self.has, &has)
            && compare_not(&self.has_not, &has)
            && compare(&self.at_least, &order(true))
            && compare(&self.at_most, &order(false))
            && self.exists.is_none_or(|wanted| value.is_some_and(|value| !value.is_null()) == wanted)
            && self
                .one_of
                .as_ref()
                .is_none_or(|all| value.is_some_and(|value| all.iter().any(|wanted| equal(value, wanted, None))))
    }

    /// What it asks for, in words.
    pub fn wanted(&self, resolve: &dyn Fn(&Place) -> Option<Value>) -> String {
        let spoken = |wanted: &Value| match referred(wanted) {
            Some(place) => resolve(&place)
                .map_or_else(|| "what is not there yet".to_owned(), |value| super::manifest::spoken(&value)),
            None => super::manifest::spoken(wanted),
        };
        let mut parts = Vec::new();
        let mut part = |word: &str, wanted: &Option<Value>| {
            if let Some(wanted) = wanted {
                parts.push(format!("{word}{}", spoken(wanted)));
            }
        };
        part("", &self.is);
        part("not ", &self.is_not);
        part("one with ", &self.has);
        part("one without ", &self.has_not);
        part("at least ", &self.at_least);
        part("at most ", &self.at_most);
        match self.exists {
            Some(true) => parts.push("that it is there".to_owned()),
            Some(false) => parts.push("that it is not there".to_owned()),
            None => {}
        }
        if let Some(all) = &self.one_of {
            parts.push(format!("one of {}", super::manifest::spoken(&json!(all))));
        }
        parts.join(", ")
    }
}

/// A literal in small letters; a place stays as it is.
pub fn lower(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(text.to_lowercase()),
        other => other.clone(),
    }
}

/// The place that stands where a literal could.
fn referred(value: &Value) -> Option<Place> {
    let fields = value.as_object()?;
    let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    let place = Place { of: text("of"), answer: text("answer"), file: text("file"), fact: text("fact") };
    (place != Place::default()).then_some(place)
}

/// Numbers written as text equal numbers: a student's answer is a text.
fn equal(value: &Value, wanted: &Value, within: Option<f64>) -> bool {
    if let (Some(value), Some(wanted)) = (number(value), number(wanted)) {
        let room = within.unwrap_or_default() * wanted.abs();
        return (value - wanted).abs() <= room + f64::EPSILON * wanted.abs();
    }
    match (value, wanted) {
        (Value::String(value), Value::String(wanted)) => value.trim() == wanted.trim(),
        (Value::Array(value), Value::Array(wanted)) => {
            value.len() == wanted.len() && value.iter().zip(wanted).all(|(value, wanted)| equal(value, wanted, within))
        }
        _ => value == wanted,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn has(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        // Of a list of lines, one line that contains the text is meant.
        (Value::Array(items), Value::String(part)) => items.iter().any(|item| match item {
            Value::String(text) => text.contains(part.as_str()),
            other => equal(other, wanted, None),
        }),
        (Value::Array(items), wanted) => items.iter().any(|item| equal(item, wanted, None)),
        (Value::Object(fields), Value::String(key)) => fields.contains_key(key),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str, value: Option<Value>) -> bool {
        let condition: Condition = toml::from_str(condition).unwrap();
        condition.holds(value.as_ref(), &|place| place.answer.as_ref().map(|_| json!("7")))
    }

    #[test]
    fn values_are_compared() {
        assert!(holds("is = \"host\"", Some(json!("host"))) && !holds("is = \"host\"", Some(json!("own"))));
        assert!(holds("is = 64", Some(json!("64"))) && !holds("is = 64", Some(json!("65"))));
        assert!(
            holds("is = 100\nwithin = 0.1", Some(json!(109))) && !holds("is = 100\nwithin = 0.1", Some(json!(111)))
        );
        assert!(holds("is = { answer = \"x\" }", Some(json!(7))) && !holds("is = { file = \"x\" }", Some(json!(7))));
        assert!(holds("has = \"CAP_KILL\"", Some(json!(["CAP_CHOWN", "CAP_KILL"]))));
        assert!(holds("has = 80", Some(json!([80]))) && !holds("has = 80", Some(json!([8080]))));
        assert!(holds("has_not = \"x\"", Some(json!("abc"))) && !holds("has_not = \"b\"", Some(json!("abc"))));
        assert!(
            holds("at_least = 2\nat_most = 3", Some(json!(3))) && !holds("at_least = 2\nat_most = 3", Some(json!(4)))
        );
        assert!(holds("one_of = [1, 2]", Some(json!(2))) && !holds("one_of = [1, 2]", Some(json!(3))));
    }

    #[test]
    fn what_is_not_there_passes_only_where_that_is_asked_for() {
        for condition in ["is = 1", "has = \"x\"", "at_least = 0", "exists = true", "one_of = [1]"] {
            assert!(!holds(condition, None), "{condition}");
        }
        for condition in ["is_not = 1", "has_not = \"x\"", "exists = false"] {
            assert!(holds(condition, None), "{condition}");
        }
        assert!(holds("exists = false", Some(Value::Null)));
    }

    #[test]
    fn what_a_condition_does_not_say_the_check_says() {
        let around = Place { of: Some("e".to_owned()), fact: Some("f".to_owned()), ..Place::default() };
        let also: Condition = toml::from_str("fact = \"g\"\nis = 1").unwrap();
        assert_eq!(also.place(&around), Place { fact: Some("g".to_owned()), ..around.clone() });
        let other: Condition = toml::from_str("file = \"x\"\nexists = true").unwrap();
        assert_eq!(other.place(&around), Place { file: Some("x".to_owned()), ..Place::default() });
    }
}

//! Reads JSON that strangers wrote, and names the field where it is not what it should be.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// How much of a parser's message is passed on: it repeats what it found, which may be a megabyte.
const SHOWN_LETTERS: usize = 200;
/// What was expected stands at its end.
const SHOWN_AT_END: usize = 60;

/// Reads one document and nothing behind it. The values at `objects` have to be objects where they are there: a list in
/// such a place would be taken for the fields in their order. `[]` is each entry of a list, and "" the whole.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], objects: &[&str]) -> Result<T, String> {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut source).map_err(|error| shown(&error.to_string()))?;
    source.end().map_err(|error| shown(&error.to_string()))?;
    let value: Value = serde_json::from_slice(bytes).map_err(|error| shown(&error.to_string()))?;
    match objects.iter().find(|path| has_list(&value, path)) {
        Some(path) => Err(format!("{path}: a list where an object belongs").trim_start_matches(": ").to_owned()),
        None => Ok(read),
    }
}

fn has_list(value: &Value, path: &str) -> bool {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    match name.strip_suffix("[]") {
        _ if name.is_empty() => value.is_array(),
        None => value.get(name).is_some_and(|found| has_list(found, rest)),
        Some(list) => value[list].as_array().is_some_and(|all| all.iter().any(|one| has_list(one, rest))),
    }
}

/// A foreign text, fit for a message of one line: of a long one the beginning and the end.
pub fn shown(problem: &str) -> String {
    let clean = |letter: char| if letter.is_control() { ' ' } else { letter };
    let count = problem.chars().count();
    if count <= SHOWN_LETTERS {
        return problem.chars().map(clean).collect();
    }
    let end = problem.chars().skip(count - SHOWN_AT_END);
    problem.chars().take(SHOWN_LETTERS - SHOWN_AT_END).chain(['…']).chain(end).map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_named_and_the_message_is_short() {
        #[derive(Debug, serde::Deserialize)]
        struct Document {
            #[allow(dead_code, reason = "only read")]
            list: Vec<u32>,
        }
        let told = parse::<Document>(br#"{"list":[1,"x"]}"#, &[]).unwrap_err();
        assert!(told.starts_with("list[1]: invalid type: string"), "{told}");
        let long = format!(r#"{{"list":"{}"}}"#, "x\\n".repeat(100_000));
        let told = parse::<Document>(long.as_bytes(), &[]).unwrap_err();
        assert!(told.len() < 300 && !told.contains('\n') && told.starts_with("list: "), "{told}");
        assert!(told.contains("expected a sequence"), "{told}");
        let listed = |text: &str, path| parse::<Value>(text.as_bytes(), &[path]).err();
        assert_eq!(listed("[]", "").as_deref(), Some("a list where an object belongs"));
        assert_eq!(listed(r#"{"a":[{},{"b":[]}]}"#, "a[].b").as_deref(), Some("a[].b: a list where an object belongs"));
        assert_eq!(listed(r#"{"a":[{},[]]}"#, "a[]").as_deref(), Some("a[]: a list where an object belongs"));
        assert_eq!(listed(r#"{"a":[{"b":{}}]}"#, "a[].b"), None);
        assert!(parse::<Value>(b"{} x", &[]).is_err());
        assert!(parse::<Value>("[".repeat(100_000).as_bytes(), &[]).is_err());
    }
}

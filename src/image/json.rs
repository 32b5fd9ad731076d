//! Reads JSON that strangers wrote, and names the field where it is not what it should be.

use serde::de::DeserializeOwned;

/// How much of a parser's message is passed on: it repeats what it found, which may be a megabyte.
const SHOWN_LETTERS: usize = 200;

/// Reads one document and nothing behind it.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut source).map_err(|error| shown(&error.to_string()))?;
    source.end().map_err(|error| shown(&error.to_string()))?;
    Ok(value)
}

fn shown(problem: &str) -> String {
    let clean = |letter: char| if letter.is_control() { ' ' } else { letter };
    match problem.char_indices().nth(SHOWN_LETTERS) {
        Some((end, _)) => problem[..end].chars().map(clean).chain(['…']).collect(),
        None => problem.chars().map(clean).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_field_is_named_and_the_message_is_short() {
        #[derive(Debug, serde::Deserialize)]
        struct Document {
            #[allow(dead_code, reason = "only read")]
            list: Vec<u32>,
        }
        let told = parse::<Document>(br#"{"list":[1,"x"]}"#).unwrap_err();
        assert!(told.starts_with("list[1]: invalid type: string"), "{told}");
        let long = format!(r#"{{"list":"{}"}}"#, "x\\n".repeat(100_000));
        let told = parse::<Document>(long.as_bytes()).unwrap_err();
        assert!(told.len() < 300 && !told.contains('\n') && told.starts_with("list: "), "{told}");
        assert!(parse::<Value>(b"{} x").is_err());
        assert!(parse::<Value>("[".repeat(100_000).as_bytes()).is_err());
    }
}

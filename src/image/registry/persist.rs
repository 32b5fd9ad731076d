//! Asks again what failed for a reason that passes, and tells what does not pass in the registry's own words.

use super::error::Error;
use super::transport::{Answer, Ask, Transport};
use super::wire::Wire;

/// Attempts at a request that fails for reasons that pass.
pub const ATTEMPTS: u32 = 4;
const MAX_ERROR_BYTES: u64 = 64 << 10;

/// Sends, and sends again what failed for a reason that passes: a broken connection, a server out of breath.
pub fn persist<'t>(transport: &'t Transport, ask: &Ask, host: &str) -> Result<Answer<'t>, Error> {
    let patience = transport.patience();
    let mut pause = patience.pause;
    for left in (0..ATTEMPTS).rev() {
        let outcome = transport.send(ask);
        let wait = match &outcome {
            Ok(answer) if matches!(answer.status, 429 | 500 | 502 | 503 | 504) => answer.retry_after().unwrap_or(pause),
            Err(Wire::Broken(_)) => pause,
            _ => return outcome.map_err(|wire| wire.at(host)),
        };
        match outcome {
            Ok(answer) if left > 0 && wait <= patience.wait => answer.drain(),
            Ok(answer) if answer.status == 429 => {
                return Err(Error::RateLimited { host: host.to_owned(), after: wait });
            }
            Ok(answer) => return Err(refused(answer, host, &ask.url)),
            Err(wire) if left == 0 => return Err(wire.at(host)),
            Err(_) => {}
        }
        std::thread::sleep(wait);
        pause *= 2;
    }
    Err(Error::Protocol { host: host.to_owned(), problem: "it does not answer" })
}

/// A refusal of a kind that has no name of its own.
pub fn refused(answer: Answer<'_>, host: &str, url: &str) -> Error {
    let status = answer.status;
    Error::Refused { host: host.to_owned(), url: url.to_owned(), status, message: message(answer) }
}

/// The registry's own words, out of the JSON that the specification gives errors.
pub fn message(answer: Answer<'_>) -> String {
    let bytes = answer.bytes(MAX_ERROR_BYTES).ok().flatten().unwrap_or_default();
    words(&bytes)
}

/// One line, without what could move a terminal's cursor.
pub fn words(bytes: &[u8]) -> String {
    let parsed: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let first = &parsed["errors"][0];
    let words = first["message"].as_str().or(first["code"].as_str()).or(parsed["details"].as_str());
    words.unwrap_or("no reason given").chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_registrys_words_are_a_line_of_print(message in "\\PC{0,30}[\\x00-\\x1f\\x7f-\\x9f]{0,5}\\PC{0,300}") {
            let told = words(serde_json::json!({"errors": [{"message": message}]}).to_string().as_bytes());
            prop_assert!(told.chars().count() <= 200 && !told.contains(char::is_control), "{:?}", told);
        }

        #[test]
        fn foreign_bytes_are_no_reason(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(!words(&bytes).is_empty());
        }
    }
}

//! What fuzzers throw bytes at: each function takes an input nobody has seen before and says what must hold of it.
//!
//! Not part of rlab: compiled for `cargo fuzz`, see tests/fuzz/README.md, and for the test below, which feeds it every
//! input that once was worth keeping. More is asked for than "no panic": what is accepted has to be what it says.

pub use crate::image::fuzzing::{answer, layer, manifest, reference};

use crate::{engine, image, runtime};

/// An image's config, all the way to the runtime's plan; or, where the bytes name a version of the runtime
/// specification, a config.json as another engine might hand it over.
pub fn config(data: &[u8]) {
    let is_spec =
        serde_json::from_slice::<serde_json::Value>(data).is_ok_and(|value| value.get("ociVersion").is_some());
    if is_spec {
        return runtime::fuzzing::plan(data).unwrap_or_else(|error| named(&error.to_string()));
    }
    let config = match image::config::ImageConfig::parse(data) {
        Ok(config) => config.config,
        Err(error) => return named(&error.to_string()),
    };
    match engine::fuzzing::config_json(&config) {
        // What the engine writes, the runtime below it must be able to read, or say which field it can't take.
        Ok(text) => runtime::fuzzing::plan(&text).unwrap_or_else(|error| named(&error.to_string())),
        Err(error) => named(&error.to_string()),
    }
}

/// An error that says nothing is as bad as none.
fn named(error: &str) {
    assert!(error.trim().len() > 5, "{error:?}");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Calls `target` with each input that is kept for it, and gives their number.
    fn replay(name: &str, mut target: impl FnMut(&[u8])) -> usize {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(name);
        let mut inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        for input in &inputs {
            target(&std::fs::read(input).unwrap());
        }
        inputs.len()
    }

    #[test]
    fn what_fuzzers_were_fed_and_found_is_taken() {
        let counts = [
            replay("reference", super::reference),
            replay("manifest", super::manifest),
            replay("config", super::config),
            replay("answer", super::answer),
        ];
        assert!(counts.iter().all(|count| *count > 5), "{counts:?}");
    }

    #[test]
    fn layers_that_fuzzers_were_fed_and_found_stay_where_they_belong() {
        if !crate::sys::tree::is_root() {
            return crate::skip::aloud("unpacking layers needs root");
        }
        let scratch = tempfile::tempdir().unwrap();
        let count = replay("layer", |data| super::layer(data, scratch.path()));
        assert!(count > 5, "{count}");
    }
}

//! What an image may ask for: checked in one place, before anything is made for it.

use super::error::Error;
use crate::image::config::ExecConfig;
use std::path::Path;

/// How much of a value a message repeats.
const SHOWN_LETTERS: usize = 100;

/// Refuses what could only be misunderstood further down: a NUL ends a string for the kernel, and a relative directory
/// has no meaning in a container. What the user has set in its place counts in its place.
pub fn check(config: &ExecConfig, workdir: Option<&str>) -> Result<(), Error> {
    let lists = [("Env", &config.env), ("Entrypoint", &config.entrypoint), ("Cmd", &config.cmd)];
    let texts = [("User", &config.user), ("WorkingDir", &config.working_dir)];
    let all = lists.into_iter().flat_map(|(field, list)| list.iter().map(move |text| (field, text))).chain(texts);
    for (field, text) in all {
        if text.contains('\0') {
            return Err(refused(field, text, "holds a NUL byte"));
        }
    }
    let dir = &config.working_dir;
    if !dir.is_empty() && !Path::new(dir).is_absolute() && workdir.is_none() {
        return Err(refused("WorkingDir", dir, "is not an absolute path"));
    }
    Ok(())
}

fn refused(field: &'static str, text: &str, reason: &'static str) -> Error {
    Error::ImageConfig { field, value: text.chars().take(SHOWN_LETTERS).collect(), reason }
}

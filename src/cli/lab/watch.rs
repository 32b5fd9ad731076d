//! `rlab lab watch`: checks again whenever the student saves a file of the lab, until Ctrl-C.

use super::{Context, Desk, Failure, check};
use crate::sys;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often it is looked whether something was saved.
const GLANCE: Duration = Duration::from_millis(300);

/// Checks, waits, checks again. Ends with 0 at full marks.
pub fn run(typed: &str, desk: &Desk, context: &mut Context) -> Result<u8, Failure> {
    let _blocked = sys::signals_by_descriptor();
    let (_, filled, student) = desk.lab(typed)?;
    let folder = student.started(&filled)?;
    drop(student);
    let (written, evidence) = (filled.written_by_student(), filled.evidence());
    loop {
        // What the student writes is looked at before the check: what is saved meanwhile is checked next. Evidence after it,
        // because a script that is checked may make some.
        let before = saved(&folder, &written);
        if check(typed, desk, context)? == 0 {
            return Ok(0);
        }
        let made = saved(&folder, &evidence);
        context.ui.status("\nwaiting for you to save a file; Ctrl-C ends this");
        while saved(&folder, &written) == before && saved(&folder, &evidence) == made {
            if sys::end_is_asked_for().is_some() {
                return Ok(0);
            }
            std::thread::sleep(GLANCE);
        }
    }
}

/// When each of these files was changed last, and its length; those that are not there are left out.
fn saved(folder: &Path, files: &[String]) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let state = |name: &String| {
        let path = folder.join(name);
        let found = path.metadata().ok()?;
        Some((path, (found.modified().ok()?, found.len())))
    };
    files.iter().filter_map(state).collect()
}

//! What a test needs of the machine it runs on, and how it says so when that is not there.
//!
//! The crate's unit tests and the tests that drive the binary share it, so that every skip is told in the same way and
//! `RLAB_NO_SKIP=1` makes a failure of each.
#![allow(dead_code, reason = "each of the two has needs of its own")]

use std::io::Write;
use std::path::{Path, PathBuf};

/// Something that a test cannot do without: there, or the reason why it is not.
pub type Need = Result<(), String>;

/// Ends a test early, aloud, unless everything that it needs is there:
/// `need!(root(), programs(&["skopeo"], "apt install skopeo"));`
macro_rules! need {
    ($($need:ident ( $($argument:expr),* )),+ $(,)?) => {
        $(if let Err(reason) = $crate::need::$need($($argument),*) {
            return $crate::need::skip(&reason);
        })+
    };
}
pub(crate) use need;

/// Says that this test is skipped, and why; with `RLAB_NO_SKIP=1` fails it instead.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("RLAB_NO_SKIP").is_none_or(|value| value != "1"), "may not be skipped, but {reason}");
    let thread = std::thread::current();
    // Written to the descriptor itself: what goes through eprintln is kept from the reader while the test passes.
    let told = writeln!(std::io::stderr(), "SKIP {}: {reason}", thread.name().unwrap_or("a test"));
    told.expect("standard error can be written to");
}

/// Root in the host's user namespace.
pub fn root() -> Need {
    if nix::unistd::geteuid().is_root() { Ok(()) } else { Err("it needs root: run `sudo -E cargo test`".to_owned()) }
}

/// Programs on the PATH, and how to get them.
pub fn programs(names: &[&str], how: &str) -> Need {
    let absent: Vec<&str> = names.iter().copied().filter(|name| find_program(name).is_none()).collect();
    if absent.is_empty() { Ok(()) } else { Err(format!("there is no program {}: {how}", absent.join(", "))) }
}

/// A file of the distribution's or of the build's, and how to get it.
pub fn file(path: impl AsRef<Path>, how: &str) -> Need {
    let path = path.as_ref();
    if path.exists() { Ok(()) } else { Err(format!("there is no {}: {how}", path.display())) }
}

/// Where a program is.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // An ordinary user's PATH often lacks the folders where nft and ip are.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

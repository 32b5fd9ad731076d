//! What a test needs of the machine it runs on, and how it says so when that is not there.

use std::io::Write;
use std::path::PathBuf;

/// Something that a test cannot do without: there, or the reason why it is not.
pub type Need = Result<(), String>;

/// Ends a test early, aloud, unless everything that it needs is there:
/// `need!(root(), program("skopeo", "apt install skopeo"));`
macro_rules! need {
    ($($need:ident ( $($argument:expr),* )),+ $(,)?) => {
        $(if let Err(reason) = $crate::harness::need::$need($($argument),*) {
            return $crate::harness::need::skip(&reason);
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

/// A program on the PATH, and how to get it.
pub fn program(name: &str, how: &str) -> Need {
    find_program(name).map(drop).ok_or_else(|| format!("there is no program `{name}`: {how}"))
}

/// Where a program is.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // An ordinary user's PATH often lacks the folders where nft and ip are.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

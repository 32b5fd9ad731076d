//! What a test needs of the machine it runs on, and how it says so when that is not there.

use std::path::PathBuf;

/// Something that a test cannot do without: there, or the reason why it is not.
pub type Need = Result<(), String>;

/// Ends a test early, aloud, unless everything that it needs is there:
/// `need!(root(), programs(&["skopeo"], "apt install skopeo"));`
macro_rules! need {
    ($($need:ident ( $($argument:expr),* )),+ $(,)?) => {
        $(if let Err(reason) = $crate::harness::need::$need($($argument),*) {
            return $crate::skip::aloud(reason);
        })+
    };
}
pub(crate) use need;

/// Root in the host's user namespace.
pub fn root() -> Need {
    if nix::unistd::geteuid().is_root() { Ok(()) } else { Err("it needs root: run `sudo -E cargo test`".to_owned()) }
}

/// Programs on the PATH, and how to get them.
pub fn programs(names: &[&str], how: &str) -> Need {
    let absent: Vec<&str> = names.iter().copied().filter(|name| find_program(name).is_none()).collect();
    if absent.is_empty() { Ok(()) } else { Err(format!("there is no program {}: {how}", absent.join(", "))) }
}

/// Where a program is.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // An ordinary user's PATH often lacks the folders where nft and ip are.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

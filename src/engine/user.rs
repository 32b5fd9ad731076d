//! Who a name means: looked up in the image's own files, never by the host's libraries.
//!
//! The C library's look-up would load plug-ins (NSS) by the host's configuration or, after chroot, the image's: code of a
//! stranger's inside a process that is still root (CVE-2019-14271 was that).

use super::error::Error;
use crate::sys::rootdir::RootDir;
use std::path::Path;

/// No honest passwd file is larger.
const MAX_FILE_BYTES: u64 = 4 << 20;
/// How much of a name a message repeats: an image may ask for a megabyte.
const SHOWN_LETTERS: usize = 100;

/// A user, with all that the program has to get.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Home directory.
    pub home: String,
}

/// Resolves `name`, `uid`, `name:group`, `uid:gid` against the image's files. Nothing means root.
pub fn resolve(wanted: &str, tree: &RootDir) -> Result<User, Error> {
    let read = |path: &str| {
        let bytes = tree.read(Path::new(path), MAX_FILE_BYTES).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    find(wanted, &read("/etc/passwd"), &read("/etc/group"))
}

pub(super) fn find(wanted: &str, passwd: &str, group: &str) -> Result<User, Error> {
    let shown = || wanted.chars().take(SHOWN_LETTERS).collect();
    let unknown = |reason: &str| Error::User { user: shown(), reason: reason.to_owned() };
    let (name, group_name) = match wanted.split_once(':') {
        Some((name, group)) => (name, Some(group).filter(|group| !group.is_empty())),
        None => (wanted, None),
    };
    let name = if name.is_empty() { "0" } else { name };
    let number = id(name);
    let entry = rows(passwd).find(|row| row.first() == Some(&name) || (number.is_some() && column(row, 2) == number));
    let mut user = match (&entry, number) {
        (Some(row), _) => User {
            uid: column(row, 2).ok_or_else(|| unknown("its line in the image's /etc/passwd has no number"))?,
            gid: column(row, 3).unwrap_or_default(),
            groups: Vec::new(),
            home: row.get(5).filter(|home| !home.is_empty()).map_or("/", |home| home).to_owned(),
        },
        (None, Some(uid)) => User { uid, gid: 0, groups: Vec::new(), home: "/".to_owned() },
        (None, None) => return Err(unknown("is not in the image's /etc/passwd; a number needs no entry there")),
    };
    match group_name {
        Some(wanted) => {
            let number = id(wanted);
            let row = rows(group).find(|row| row.first() == Some(&wanted));
            user.gid = row
                .and_then(|row| column(&row, 2))
                .or(number)
                .ok_or_else(|| unknown("its group is not in the image's /etc/group; a number needs no entry there"))?;
        }
        None => {
            let login = entry.as_ref().and_then(|row| row.first().copied()).unwrap_or_default();
            let member = |row: &Vec<&str>| row.get(3).is_some_and(|list| list.split(',').any(|one| one == login));
            user.groups =
                rows(group).filter(|row| !login.is_empty() && member(row)).filter_map(|row| column(&row, 2)).collect();
        }
    }
    Ok(user)
}

fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(':').collect())
}

fn column(row: &[&str], at: usize) -> Option<u32> {
    id(row.get(at)?.trim())
}

/// As Docker, up to 2³¹ - 1. Beyond lies 4294967295, which to setresuid(2) means: stay who you are, and that is root.
fn id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| i32::try_from(*id).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102::/srv:/bin/false\nbad:x:x:0::/:\n";
    const GROUP: &str = "root:x:0:\nwww:x:33:web,other\nadm:x:4:web\n";

    #[test]
    fn names_and_numbers_are_found() {
        assert_eq!(find("", PASSWD, GROUP).unwrap().home, "/root");
        let web = find("web", PASSWD, GROUP).unwrap();
        assert_eq!((web.uid, web.gid, web.groups), (101, 102, vec![33, 4]));
        let by_number = find("101", PASSWD, GROUP).unwrap();
        assert_eq!((by_number.gid, by_number.home.as_str()), (102, "/srv"));
        let free = find("5000:6000", PASSWD, GROUP).unwrap();
        assert_eq!((free.uid, free.gid, free.groups.len()), (5000, 6000, 0));
        assert_eq!(find("web:www", PASSWD, GROUP).unwrap().gid, 33);
    }

    #[test]
    fn what_is_not_there_is_named() {
        assert!(find("nobody", PASSWD, GROUP).unwrap_err().to_string().contains("\"nobody\""));
        assert!(find("web:nogroup", PASSWD, GROUP).unwrap_err().to_string().contains("group"));
        assert!(find("bad", PASSWD, GROUP).is_err());
        assert!(find("4294967295", PASSWD, GROUP).is_err());
        assert!(find("web:4294967295", PASSWD, GROUP).is_err());
    }

    proptest::proptest! {
        #[test]
        fn foreign_files_never_panic(wanted in ".*", passwd in ".*", group in ".*") {
            let _any = find(&wanted, &passwd, &group);
        }
    }
}

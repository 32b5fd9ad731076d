//! `id`: the numbers the kernel checks permissions with, and the names this image's files give them.
use std::ffi::OsString;
use std::io::Write;

use super::accounts::Accounts;
use super::error::At;
use super::{Error, Result, flags};
use crate::sys::tool::{Ids, ids};

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let (asked, rest) = flags(args, "ugGn")?;
    if !rest.is_empty() {
        return Err(Error::Usage);
    }
    let ids = ids().at("getgroups")?;
    let (users, groups) = (Accounts::users(), Accounts::groups());
    let named = asked.contains('n');
    let one = |accounts: &Accounts, id: u32| if named { accounts.name_or_number(id) } else { id.to_string() };
    let said = match asked.replace('n', "").as_str() {
        "" if named => return Err(Error::Usage),
        "" => line(&ids, &users, &groups),
        "u" => one(&users, ids.euid),
        "g" => one(&groups, ids.egid),
        "G" => all_groups(&ids).into_iter().map(|gid| one(&groups, gid)).collect::<Vec<_>>().join(" "),
        _ => return Err(Error::Usage),
    };
    writeln!(out, "{said}")?;
    Ok(0)
}

/// The effective group first, then the supplementary ones, each once.
fn all_groups(ids: &Ids) -> Vec<u32> {
    let mut all = vec![ids.egid];
    for &gid in &ids.groups {
        if !all.contains(&gid) {
            all.push(gid);
        }
    }
    all
}

/// The line of coreutils: effective numbers only where they differ from the real ones.
fn line(ids: &Ids, users: &Accounts, groups: &Accounts) -> String {
    let one = |accounts: &Accounts, id: u32| match accounts.name(id) {
        Some(name) => format!("{id}({name})"),
        None => id.to_string(),
    };
    let mut said = format!("uid={} gid={}", one(users, ids.uid), one(groups, ids.gid));
    if ids.euid != ids.uid {
        said += &format!(" euid={}", one(users, ids.euid));
    }
    if ids.egid != ids.gid {
        said += &format!(" egid={}", one(groups, ids.egid));
    }
    let all: Vec<String> = all_groups(ids).into_iter().map(|gid| one(groups, gid)).collect();
    said + " groups=" + &all.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_effective_numbers_only_where_they_differ() {
        let (users, groups) = (Accounts::of(&[(0, "root")]), Accounts::of(&[(0, "root"), (5, "tty")]));
        let plain = Ids { uid: 0, euid: 0, gid: 0, egid: 0, groups: vec![0, 5, 77] };
        assert_eq!(line(&plain, &users, &groups), "uid=0(root) gid=0(root) groups=0(root),5(tty),77");
        let setuid = Ids { uid: 1000, euid: 0, gid: 1000, egid: 5, groups: vec![1000] };
        assert_eq!(line(&setuid, &users, &groups), "uid=1000 gid=1000 euid=0(root) egid=5(tty) groups=5(tty),1000");
    }
}

//! Each kind of namespace, and what keeps ordinary users from user namespaces.

use crate::engine::doctor::facts::Namespace;
use crate::engine::doctor::rows::as_root;
use crate::engine::doctor::{Facts, Row};
use crate::sys::Errno;

/// Those that a container is always given.
pub const NEEDED: [&str; 6] = ["mnt", "pid", "net", "uts", "ipc", "cgroup"];

/// See the file's opening.
pub fn rows(facts: &Facts) -> Vec<Row> {
    let kinds = facts.namespaces.iter().map(|namespace| kind(facts, namespace));
    kinds.chain([unprivileged(facts), ranges(facts)]).collect()
}

fn kind(facts: &Facts, namespace: &Namespace) -> Row {
    let check = format!("namespace {}", namespace.kind);
    let needed = NEEDED.contains(&namespace.kind);
    let row = |fact: String, fix: String| {
        if needed { Row::missing(&check, fact, fix) } else { Row::limited(&check, fact, fix) }
    };
    if !namespace.in_kernel {
        let since = if namespace.kind == "time" { " (they came with Linux 5.6)" } else { "" };
        return row(format!("this kernel has none{since}"), "another kernel".to_owned());
    }
    match &namespace.made {
        Ok(_) => Row::ok(check, "one was made"),
        Err(refused) if refused.is(Errno::ENOSPC) => {
            row(format!("refused: {refused}"), "a limit is reached or is 0: the files in /proc/sys/user".to_owned())
        }
        Err(refused) if refused.is(Errno::EPERM) && facts.power.has("CAP_SYS_ADMIN") && facts.power.filtered => row(
            format!("refused: {refused}, by the seccomp filter"),
            "docker run --security-opt seccomp=unconfined".to_owned(),
        ),
        Err(refused) => {
            row(format!("refused: {refused}"), as_root(facts, "it takes CAP_SYS_ADMIN: grep CapEff /proc/self/status"))
        }
    }
}

/// The switches of the distributions. For root they matter little; for others they decide.
fn unprivileged(facts: &Facts) -> Row {
    let check = "user namespaces for all";
    let users = &facts.users;
    if users.max.as_deref() == Some("0") {
        let fix = "sysctl user.max_user_namespaces=15000";
        return Row::limited(check, "user.max_user_namespaces is 0: nobody can make one", fix);
    }
    if users.apparmor.as_deref() == Some("1") {
        let fact = "kernel.apparmor_restrict_unprivileged_userns is 1, as on Ubuntu since 24.04: for who is not root, \
                    they are made and are good for nothing";
        let fix = "an AppArmor profile with the rule userns for the program; or sysctl \
                   kernel.apparmor_restrict_unprivileged_userns=0. rlab as root needs neither";
        return Row::limited(check, fact, fix);
    }
    if users.clone.as_deref() == Some("0") {
        let fact = "kernel.unprivileged_userns_clone is 0, Debian's switch: only root can make one";
        return Row::limited(check, fact, "sysctl kernel.unprivileged_userns_clone=1. rlab as root does not need it");
    }
    let limit = users.max.as_deref().unwrap_or("not known");
    Row::ok(check, format!("no switch forbids them; user.max_user_namespaces is {limit}"))
}

fn ranges(facts: &Facts) -> Row {
    let (check, users) = ("numbers for users", &facts.users);
    match (&users.subuid, &users.subgid, users.newuidmap) {
        (Some(uids), Some(_), true) => Row::ok(check, format!("/etc/subuid has {uids}; newuidmap is there")),
        _ if facts.uid == 0 => Row::ok(check, "root takes any: --userns private uses 100000 to 165535"),
        (Some(uids), Some(_), false) => {
            Row::limited(check, format!("/etc/subuid has {uids}, but there is no newuidmap"), "apt install uidmap")
        }
        _ => Row::limited(
            check,
            "no range in /etc/subuid and /etc/subgid: a user namespace of one's own would know one user",
            "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 NAME",
        ),
    }
}

//! Which names are the container's own, and which the host's.

use crate::harness::lab::{Lab, lab};
use std::collections::{BTreeMap, BTreeSet};

/// The namespaces of a container, by kind.
fn inside(lab: &Lab, flags: &[&str]) -> BTreeMap<String, String> {
    let output = lab.tool(flags, &["ns"]).succeeded();
    let column = |line: &str, at| line.split_whitespace().nth(at).unwrap_or_default().to_owned();
    output.stdout.lines().map(|line| (column(line, 0), column(line, 1))).collect()
}

/// The number of the host's namespace of a kind.
fn of_the_host(kind: &str) -> String {
    let link = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap().display().to_string();
    link[link.find('[').unwrap() + 1..link.len() - 1].to_owned()
}

/// The interfaces of the host.
fn links_of_the_host() -> BTreeSet<String> {
    let entries = std::fs::read_dir("/sys/class/net").unwrap().map(|entry| entry.unwrap());
    // No folder is one: the bonding driver keeps its list of masters there.
    entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// The kinds that a container shares with the host.
fn shared(lab: &Lab, flags: &[&str]) -> Vec<String> {
    let inside = inside(lab, flags);
    assert_eq!(inside.len(), 8, "{inside:?}");
    inside.into_iter().filter(|(kind, number)| *number == of_the_host(kind)).map(|(kind, _)| kind).collect()
}

#[test]
fn all_names_but_clocks_and_users_are_its_own() {
    let lab = lab!();
    assert_eq!(shared(&lab, &[]), ["time", "user"]);
    assert_eq!(shared(&lab, &["--network", "bridge"]), ["time", "user"]);
    assert_eq!(shared(&lab, &["--timens", "private"]), ["user"]);
    assert_eq!(shared(&lab, &["--userns", "private"]), ["time"]);
}

#[test]
fn each_flag_shares_one_kind_with_the_host() {
    let lab = lab!();
    for (flag, kind) in
        [("--pid", "pid"), ("--uts", "uts"), ("--ipc", "ipc"), ("--cgroupns", "cgroup"), ("--network", "net")]
    {
        let mut wanted = ["time", "user", kind];
        wanted.sort_unstable();
        assert_eq!(shared(&lab, &[flag, "host"]), wanted, "{flag} host");
    }
    let all = ["--pid", "host", "--uts", "host", "--ipc", "host", "--cgroupns", "host", "--network", "host"];
    assert_eq!(shared(&lab, &all), ["cgroup", "ipc", "net", "pid", "time", "user", "uts"]);
}

#[test]
fn what_the_names_hide_is_seen_from_inside() {
    let lab = lab!();
    lab.shell(&[], "echo $$").succeeded().wrote("1");
    let own = std::process::id();
    let line = format!("echo $$; ls -d /proc/{own}");
    lab.shell(&["--pid", "host"], &line).succeeded().wrote_line(&format!("/proc/{own}"));
    lab.shell(&[], &line).ended_with(1).wrote("1");

    let links = |flags: &[&str]| {
        let output = lab.tool(flags, &["ip", "link"]).succeeded();
        let names = output.stdout.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned));
        names.collect::<Vec<_>>()
    };
    assert_eq!(links(&["--network", "none"]), ["lo"]);
    assert_eq!(links(&["--network", "bridge"]), ["lo", "eth0"]);
    // Others may make and remove links meanwhile; what is there before and after was there all the time.
    let before = links_of_the_host();
    let seen = links(&["--network", "host"]);
    let after = links_of_the_host();
    assert!(before.intersection(&after).all(|name| seen.contains(name)), "{seen:?} of {before:?}");
}

#[test]
fn it_answers_to_its_id_or_the_name_it_was_given() {
    let lab = lab!();
    let own = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let id = lab.tool(&[], &["hostname"]).succeeded().stdout.trim().to_owned();
    assert!(id.len() == 12 && id.chars().all(|digit| "0123456789abcdef".contains(digit)), "{id}");
    assert_ne!(lab.tool(&[], &["hostname"]).stdout.trim(), id, "each has an id of its own");
    for flag in ["-h", "--hostname"] {
        lab.shell(&[flag, "alpha"], "hostname; cat /etc/hostname; echo $HOSTNAME").wrote("alpha\nalpha\nalpha");
    }
    lab.tool(&["--uts", "host"], &["hostname"]).succeeded().wrote(&own);
    assert_eq!(nix::unistd::gethostname().unwrap().into_string().unwrap(), own, "the host keeps its own");
}

#[test]
fn a_chroot_stands_in_for_pivot_root_and_says_so() {
    let lab = lab!();
    let stages = |flags: &[&str]| {
        let output = lab.tool(&[flags, &["--explain=brief"]].concat(), &["ls", "/"]).succeeded();
        assert!(output.stdout.lines().any(|name| name == "bin"), "{output}");
        ["pivot_root", "chroot"].map(|stage| output.stderr.contains(&format!(" {stage} ")))
    };
    assert_eq!((stages(&[]), stages(&["--chroot"])), ([true, false], [false, true]));
}

//! Power that comes with a program's file, or is left over from rlab's own.

use super::range::range;

/// CAP_NET_RAW and CAP_SYS_ADMIN, by number: one that Docker leaves in the bounding set, and one that it takes out.
const NET_RAW: &str = "file-capability,13";
const SYS_ADMIN: &str = "file-capability,21";

/// The layers are no_new_privs, and where that is not asked for, the bounding set: a setuid program is root in the
/// container, with no more than what root in the container has.
#[test]
fn a_programs_file_gives_no_more_than_the_container_has() {
    let range = range!();
    let tried = |flags: &[&str]| {
        let came = range.attack(flags, &["setuid-root", NET_RAW, SYS_ADMIN]);
        ["setuid-root", NET_RAW, SYS_ADMIN].map(|attempt| came[attempt].clone())
    };
    assert_eq!(tried(&[]), ["0 with a80425fb", "1000 with 2000", "EPERM"]);
    assert_eq!(tried(&["--cap-drop", "NET_RAW"]), ["0 with a80405fb", "EPERM", "EPERM"]);
    // The layer taken away: what stops the third is the bounding set.
    assert_eq!(tried(&["--cap-add", "SYS_ADMIN"])[2], "1000 with 200000");
    let bound = tried(&["--security-opt", "no-new-privileges"]);
    assert_eq!(bound[..2], ["1000 with 0", "1000 with 0"]);
    // The file's promise can't be kept, and without no_new_privs it is refused; with it, nobody promised anything.
    assert!(["EPERM", "1000 with 0"].contains(&bound[2].as_str()), "{bound:?}");
    // Those that have all power at the start may not get it back either.
    let power = ["--cap-add", "ALL", "--security-opt", "no-new-privileges"];
    assert_eq!(tried(&power)[..2], ["1000 with 0", "1000 with 0"]);
}

/// CVE-2022-24769: an inheritable set that is not empty gives powers to a user's programs by their files.
#[test]
fn nothing_is_inherited() {
    let range = range!();
    let sets = ["status,CapInh", "status,CapAmb", "status,CapEff", "status,CapPrm"];
    let none = "0000000000000000";
    for flags in [&["-u", "1000"][..], &["-u", "1000", "--privileged"], &["-u", "1000:0", "--cap-add", "ALL"]] {
        let came = range.attack(flags, &sets);
        assert!(came.values().all(|set| set == none), "{flags:?}: {came:?}");
    }
    for flags in [&[][..], &["--privileged"]] {
        let came = range.attack(flags, &sets);
        assert_eq!((came[sets[0]].as_str(), came[sets[1]].as_str()), (none, none), "{flags:?}");
        assert_ne!(came[sets[2]], none);
    }
}

/// Where the host's processes are in sight, they are still out of reach: they have capabilities that a container has not.
#[test]
fn with_the_hosts_processes_in_sight_they_can_not_be_entered() {
    let range = range!();
    let own = std::process::id();
    let mut attempts = ["root", "cwd", "fd/0", "environ"].map(|file| format!("look,/proc/{own}/{file}")).to_vec();
    attempts.extend([format!("ptrace,{own}"), format!("vm-read,{own}"), "look,/proc/1/root".to_owned()]);
    let attempts: Vec<&str> = attempts.iter().map(String::as_str).collect();
    for flags in [&["--pid", "host"][..], &["--pid", "host", "-u", "1000"]] {
        let came = range.attack(flags, &attempts);
        assert!(came.values().all(|outcome| outcome == "EACCES" || outcome == "EPERM"), "{came:?}");
    }
    // A user may not even end them; root may, as on the host: that is what --pid host gives away.
    let kill = format!("kill,{own}");
    assert_eq!(range.outcome(&["--pid", "host", "-u", "1000"], &kill), "EPERM");
    assert_eq!(range.outcome(&["--pid", "host"], &kill), "ok");
}

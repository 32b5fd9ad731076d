//! What root inside may do, and which calls are let through.

use crate::harness::lab::{Lab, lab};

/// The capabilities that Docker leaves.
const DOCKERS: &str = "chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot \
                       mknod audit_write setfcap";

/// What `caps` says of one set, on one line.
fn set(lab: &Lab, flags: &[&str], name: &str) -> String {
    let output = lab.tool(flags, &["caps"]).succeeded();
    let mut lines = output.stdout.lines().skip_while(|line| !line.starts_with(name));
    lines.next().unwrap_or_else(|| panic!("no {name}\n{output}"));
    let of_it = lines.take_while(|line| line.starts_with(' '));
    of_it.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[test]
fn capabilities_are_left_and_taken_as_docker_does() {
    let lab = lab!();
    assert_eq!(set(&lab, &[], "CapPrm"), DOCKERS);
    assert_eq!(set(&lab, &["--cap-add", "NET_ADMIN"], "CapPrm"), DOCKERS.replace("net_raw", "net_admin net_raw"));
    assert_eq!(set(&lab, &["--cap-drop", "CAP_CHOWN"], "CapPrm"), DOCKERS.replace("chown ", ""));
    assert_eq!(set(&lab, &["--cap-drop", "ALL"], "CapPrm"), "none");
    assert_eq!(set(&lab, &["--cap-drop", "all", "--cap-add", "net_raw"], "CapBnd"), "same as CapEff");
    assert_eq!(set(&lab, &["--cap-drop", "all", "--cap-add", "net_raw"], "CapPrm"), "net_raw");
    assert_eq!(set(&lab, &["--cap-add", "ALL", "--cap-drop", "sys_admin"], "CapPrm").matches("sys_admin").count(), 0);
    assert_eq!(set(&lab, &["-u", "student"], "CapEff"), "none");
    assert_eq!(set(&lab, &["-u", "student"], "CapBnd"), DOCKERS);
    lab.tool(&["--cap-add", "FLIGHT"], &["true"]).ended_with(125).told("\"FLIGHT\": is no capability");
    // One that was taken is missed: root reads what is another user's alone only by DAC_OVERRIDE.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::os::unix::fs::chown(file.path(), Some(4242), Some(4242)).unwrap();
    let volume = format!("{}:/mnt", file.path().display());
    lab.tool(&["-v", &volume], &["cat", "/mnt"]).succeeded();
    lab.tool(&["--cap-drop", "DAC_OVERRIDE", "-v", &volume], &["cat", "/mnt"]).ended_with(1).told("EACCES");
}

#[test]
fn privileged_is_as_good_as_root_on_the_host() {
    let lab = lab!();
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let field = |text: &str, name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned()).unwrap()
    };
    let inside = lab.tool(&["--privileged"], &["cat", "/proc/self/status"]).succeeded().stdout;
    assert_eq!(field(&inside, "CapEff:"), field(&own, "CapBnd:"), "all that rlab has itself");
    assert_eq!(field(&inside, "Seccomp:"), "0");
    let devices = |flags: &[&str]| lab.tool(flags, &["ls", "/dev"]).succeeded().stdout.lines().count();
    assert!(devices(&["--privileged"]) > devices(&[]), "the host's devices are there");
    let writable = lab.tool(&["--privileged"], &["mount", "-t", "sysfs"]).succeeded();
    assert!(writable.stdout.contains("(rw,"), "{writable}");
}

#[test]
fn security_options_switch_the_filter_and_new_privileges() {
    let lab = lab!();
    lab.tool(&[], &["caps"]).wrote_line("NoNewPrivs  no").wrote_line("Seccomp     a filter looks at each system call");
    lab.tool(&["--security-opt", "seccomp=unconfined"], &["caps"]).wrote_line("Seccomp     off");
    for option in ["no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"] {
        let output = lab.tool(&["--security-opt", option], &["cat", "/proc/self/status"]);
        output.wrote_line("NoNewPrivs:\t1").wrote_line("Seccomp:\t2");
    }
    lab.tool(&["--security-opt", "apparmor=x"], &["true"]).ended_with(125).told("AppArmor");
}

#[test]
fn a_filter_can_come_from_a_file() {
    let lab = lab!();
    let folder = tempfile::tempdir().unwrap();
    let profile = r#"{"defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}"#;
    std::fs::write(folder.path().join("profile.json"), profile).unwrap();
    std::fs::write(folder.path().join("broken.json"), "{").unwrap();
    let mkdir = |file: &str| {
        let option = format!("seccomp={file}");
        let mut command = lab.command(&Lab::arguments(&["--security-opt", &option], &["mkdir", "/new"]));
        crate::harness::Running::start(command.current_dir(folder.path())).wait(super::streams::SOON)
    };
    mkdir("profile.json").ended_with(1).told("EOPNOTSUPP");
    mkdir("broken.json").ended_with(125).told("broken.json");
    mkdir("absent.json").ended_with(125).told("absent.json").told("No such file");
}

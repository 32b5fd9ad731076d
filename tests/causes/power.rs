//! What rlab itself was not given: capabilities, calls, users, ports.

use super::{Place, SOON, caused, says};
use crate::harness::lab::{Lab, lab};
use crate::harness::{Running, need};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// The bit of a capability in a mask as /proc/PID/status prints it.
fn has(mask: &str, bit: u32) -> bool {
    let mask = mask.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() >> bit & 1 == 1
}

#[test]
fn a_capability_that_rlab_lacks_is_named_with_its_bit() {
    let lab = lab!();
    need!(programs(&["setpriv"], "apt install util-linux"));
    for (name, bit, stage) in [
        ("sys_admin", 21, "exec: open_tree("),
        ("net_admin", 12, "sendto(NETLINK_ROUTE"),
        ("dac_override", 1, "snapshot: mount("),
        ("mknod", 27, "devices: mknodat("),
        ("setgid", 6, "user: setgroups("),
        ("setpcap", 8, "capabilities: prctl(PR_CAPBSET_DROP"),
    ] {
        let (bounding, inherited) = (format!("--bounding-set=-{name}"), format!("--inh-caps=-{name}"));
        let place = Place { lab: &lab, behind: &["setpriv", &bounding, &inherited], lines: String::new() };
        let output = place.tool(&[], &["true"]).ended_with(125).told(stage);
        says(&output, &format!("it takes CAP_{} (bit {bit}), which rlab itself was not given", name.to_uppercase()));
        assert!(!has(&place.check(&output), bit), "{output}");
        assert!(has(&Place::host(&lab).check(&output), bit), "the host's root has it");
    }
}

#[test]
fn a_limit_that_may_not_be_raised_names_the_capability() {
    let lab = lab!();
    need!(programs(&["setpriv"], "apt install util-linux"));
    let behind = ["setpriv", "--bounding-set=-sys_resource", "--inh-caps=-sys_resource"];
    let place = Place { lab: &lab, behind: &behind, lines: "ulimit -n 500".to_owned() };
    let output = place.tool(&["--ulimit", "nofile=501"], &["true"]).ended_with(125).told("rlimits: prlimit64(");
    says(&output, "it takes CAP_SYS_RESOURCE (bit 24)");
    says(&output, "try: ask for no more than `ulimit -H` shows");
    assert!(!has(&place.check(&output), 24));
}

#[test]
fn a_low_port_without_the_capability_for_it_is_told() {
    let lab = lab!();
    need!(programs(&["setpriv", "unshare"], "apt install util-linux"));
    let behind = ["unshare", "--net", "setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"];
    let place = Place { lab: &lab, behind: &behind, lines: "ip link set lo up".to_owned() };
    let output = place.rlab(&["run", "--rm", "-p", "81:80", "lab", "true"]).ended_with(125);
    says(&output, "cannot listen on 0.0.0.0:81/tcp");
    says(&output, "port 81 takes CAP_NET_BIND_SERVICE (bit 10)");
    let seen = place.check(&output);
    assert!(seen.starts_with("1024\n") && !has(&seen, 10), "{seen}");
}

#[test]
fn a_port_that_is_taken_names_who_has_it() {
    let lab = lab!();
    need!(programs(&["ss"], "apt install iproute2"));
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let published = format!("{port}:80");
    let place = Place::host(&lab);
    let output = place.rlab(&["run", "--rm", "-p", &published, "lab", "true"]).ended_with(125);
    says(&output, &format!("port is already allocated: 0.0.0.0:{port}/tcp is taken by"));
    says(&output, &format!("(process {})", std::process::id()));
    let seen = place.check(&output);
    assert!(seen.contains(&format!("pid={},", std::process::id())), "{seen}");
}

/// rlab behind a filter that answers a clone3 with an errno, as older profiles of container engines did.
fn without_clone3(lab: &Lab, errno: i32, arguments: &[&str]) -> crate::harness::Output {
    let place = Place::host(lab);
    let mut command = place.command(env!("CARGO_BIN_EXE_rlab"), arguments);
    // SAFETY: the child only makes two system calls with constants and data of its own before it becomes the program.
    unsafe {
        command.pre_exec(move || refuse_clone3(errno));
    }
    Running::start(&mut command).wait(SOON)
}

fn refuse_clone3(errno: i32) -> std::io::Result<()> {
    let one = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        one(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        one(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_clone3 as u32),
        one(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        one(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program and the structure that points to it live across the call.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    if set == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[test]
fn a_filter_around_rlab_is_told_from_the_kernel() {
    let lab = lab!();
    for errno in [libc::ENOSYS, libc::EPERM] {
        let output = without_clone3(&lab, errno, &Lab::arguments(&[], &["true"])).ended_with(125).told("clone3");
        says(&output, "a seccomp filter around rlab answers in the kernel's place");
        output.told("  check: grep Seccomp: /proc/self/status");
    }
    let seen = without_clone3(&lab, libc::ENOSYS, &["doctor"]);
    assert!(seen.stdout.contains("a seccomp filter looks at rlab's own calls"), "{seen}");
}

/// rlab in a user namespace in which it is root, and which knows as many users as that.
fn in_a_user_namespace(
    lab: &Lab,
    users: u32,
    lines: &str,
    program: &str,
    arguments: &[&str],
) -> crate::harness::Output {
    let behind = ["unshare", "--user", "--mount", "--net", "--ipc"];
    // The shell was started by someone whom the namespace did not know yet, and so without power: one more is.
    let lines = format!("read -r mapped; exec sh -ec '{lines}\nexec \"$0\" \"$@\"' \"$0\" \"$@\"");
    let place = Place { lab, behind: &behind, lines };
    let mut command: Command = place.command(program, arguments);
    let mut inside = Running::start(command.stdin(Stdio::piped()));
    let of = |file: &str| format!("/proc/{}/{file}", inside.pid());
    let own = std::fs::read_link("/proc/self/ns/user").unwrap();
    while std::fs::read_link(of("ns/user")).is_ok_and(|theirs| theirs == own) {
        std::thread::yield_now();
    }
    for file in ["uid_map", "gid_map"] {
        let map = format!("0 0 {users}\n");
        std::fs::File::options().write(true).open(of(file)).unwrap().write_all(map.as_bytes()).unwrap();
    }
    inside.write_stdin(b"mapped\n");
    inside.wait(SOON)
}

const OWN_USERS: [&str; 2] = ["--userns", "private"];

#[test]
fn user_namespaces_at_their_limit_name_the_setting() {
    let lab = lab!();
    need!(programs(&["unshare"], "apt install util-linux"));
    let lines = "echo 0 >/proc/sys/user/max_user_namespaces";
    let run = Lab::arguments(&OWN_USERS, &["true"]);
    let output = in_a_user_namespace(&lab, 1_000_000, lines, env!("CARGO_BIN_EXE_rlab"), &run).ended_with(125);
    says(&output, "user.max_user_namespaces is 0: no more of that kind can be made");
    output.told("  check: cat /proc/sys/user/max_user_namespaces");
    let shown = in_a_user_namespace(&lab, 1_000_000, lines, "cat", &["/proc/sys/user/max_user_namespaces"]);
    shown.succeeded().wrote("0");
}

#[test]
fn users_that_the_namespace_around_does_not_know_are_told() {
    let lab = lab!();
    need!(programs(&["unshare"], "apt install util-linux"));
    let run = Lab::arguments(&OWN_USERS, &["true"]);
    let output = in_a_user_namespace(&lab, 1, "", env!("CARGO_BIN_EXE_rlab"), &run).ended_with(125);
    says(&output, "whose uid_map is `0 0 1`, and --userns private takes the users 100000 to 165535");
    output.told("  check: cat /proc/self/uid_map");
}

#[test]
fn root_of_a_user_namespace_is_told_what_it_is() {
    let lab = lab!();
    need!(programs(&["unshare"], "apt install util-linux"));
    let behind = ["unshare", "--user", "--map-root-user", "--mount"];
    let place = Place { lab: &lab, behind: &behind, lines: String::new() };
    caused(
        &place,
        place.tool(&[], &["true"]),
        "rlab is in a user namespace, whose root has no power",
        " 0          0          1",
    );
}

/// The owner of a file in a layer has to have a number here.
#[test]
fn an_owner_that_a_user_namespace_does_not_know_is_told() {
    need!(root(), programs(&["unshare"], "apt install util-linux"));
    let _turn = crate::harness::host::together();
    let rlab = crate::harness::Rlab::new();
    let inner = rlab.command(&["run", "--rm", "--network", "none", "lab", "true"]);
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount"]).arg(inner.get_program()).args(inner.get_args());
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = crate::harness::Running::start(&mut command).wait(std::time::Duration::from_secs(60)).ended_with(125);
    output.told("cannot set the owner: Invalid argument").told("a user namespace that has no number for that owner");
}

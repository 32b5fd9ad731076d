//! Which program runs, as whom, with what around it, and how it ended.

use crate::harness::lab::{Lab, lab};

#[test]
fn exit_codes_are_dockers() {
    let lab = lab!();
    let cases: [(&[&str], &[&str], i32); 15] = [
        (&[], &["true"], 0),
        (&[], &["false"], 1),
        (&[], &["sh", "-c", "exit 7"], 7),
        (&[], &["no-such-program"], 127),
        (&[], &["/bin/no-such-program"], 127),
        (&[], &["/etc/passwd"], 126),
        (&[], &["/etc"], 126),
        // Seen from outside: the process was ended by a signal. It is no process 1, so it can end itself.
        (&["--pid", "host"], &["sh", "-c", "kill -TERM $$"], 143),
        (&["--pid", "host"], &["sh", "-c", "kill -KILL $$"], 137),
        // Seen by the init before it, which ends with the code a shell would give.
        (&["--init"], &["sh", "-c", "kill -TERM $$"], 143),
        (&["--init"], &["sh", "-c", "kill -KILL $$"], 137),
        (&["--no-such-flag"], &["true"], 125),
        (&["-m", "much"], &["true"], 125),
        (&["-v", "/v"], &["true"], 125),
        (&["--network", "moon"], &["true"], 125),
    ];
    for (flags, command, code) in cases {
        lab.tool(flags, command).ended_with(code).wrote("");
    }
    lab.run(&["run", "--rm", "--pull", "never", "no-such-image"]).ended_with(125).told("try: rlab pull no-such-image");
}

#[test]
fn what_cannot_be_run_is_named_with_the_reason() {
    let lab = lab!();
    lab.tool(&[], &["no-such-program"]).told("\"no-such-program\": not found in PATH=/bin").told("try: ");
    lab.tool(&[], &["/etc/passwd"]).told("\"/etc/passwd\": permission denied: no execute bit is set");
    lab.tool(&[], &["/etc"]).told("\"/etc\": is a directory");
    lab.tool(&["-u", "no-such-user"], &["id"])
        .ended_with(125)
        .told("\"no-such-user\": is not in the image's /etc/passwd");
    lab.tool(&["-u", "student:no-group"], &["id"]).ended_with(125).told("its group is not in the image's /etc/group");
}

#[test]
fn variables_come_from_flags_files_and_the_callers_own() {
    let lab = lab!();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("env"), "# a comment\n\nFROM_FILE=1\nBARE\nNOWHERE\nTWICE=file\n").unwrap();
    let flags = ["-e", "A=b c", "-e", "OWN", "-e", "ABSENT", "-e", "TWICE=flag", "--env-file", "env"];
    let mut command = lab.command(&Lab::arguments(&flags, &["env"]));
    command.current_dir(folder.path()).env("OWN", "of the caller").env("BARE", "bare").env("UNASKED", "no");
    let output = crate::harness::Running::start(&mut command).wait(super::streams::SOON).succeeded();
    let mut told: Vec<&str> = output.stdout.lines().filter(|line| !line.starts_with("HOSTNAME=")).collect();
    told.sort_unstable();
    let wanted = ["A=b c", "BARE=bare", "FROM_FILE=1", "HOME=/root", "OWN=of the caller", "PATH=/bin", "TWICE=flag"];
    assert_eq!(told, wanted, "{output}");
}

#[test]
fn the_directory_to_start_in_is_made_where_it_is_missing() {
    let lab = lab!();
    lab.tool(&[], &["pwd"]).succeeded().wrote("/");
    lab.tool(&["-w", "/tmp"], &["pwd"]).succeeded().wrote("/tmp");
    lab.tool(&["-w", "/made/for/it"], &["pwd"]).succeeded().wrote("/made/for/it");
}

#[test]
fn the_user_is_found_in_the_images_own_files() {
    let lab = lab!();
    for (user, id) in [
        ("student", "uid=1000(student) gid=1000(student) groups=1000(student)"),
        ("1000", "uid=1000(student) gid=1000(student) groups=1000(student)"),
        ("4242", "uid=4242 gid=0(root) groups=0(root)"),
        ("12:34", "uid=12 gid=34 groups=34"),
        ("student:root", "uid=1000(student) gid=0(root) groups=0(root)"),
    ] {
        lab.tool(&["-u", user], &["id"]).succeeded().wrote(id);
    }
    lab.tool(&["-u", "student"], &["env"]).succeeded().wrote_line("HOME=/home/student");
}

#[test]
fn an_entrypoint_takes_the_place_of_the_images() {
    let lab = lab!();
    lab.tool(&["--entrypoint", "echo"], &["a", "b"]).succeeded().wrote("a b");
    // The image's own command was meant for its own entrypoint, so it goes as well.
    lab.tool(&["--entrypoint", "echo"], &[]).succeeded().wrote("");
    lab.tool(&["--entrypoint", ""], &["echo", "c"]).succeeded().wrote("c");
    lab.tool(&["--entrypoint", ""], &[]).ended_with(125).told("names no command");
}

#[test]
fn limits_of_the_process_are_set() {
    let lab = lab!();
    let limits = lab.tool(&["--ulimit", "nofile=100:200", "--ulimit", "core=0"], &["cat", "/proc/self/limits"]);
    for (name, wanted) in [("Max open files", ["100", "200"]), ("Max core file size", ["0", "0"])] {
        let line = limits.stdout.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), wanted, "{limits}");
    }
    lab.tool(&["--ulimit", "speed=1"], &["true"]).ended_with(125).told("\"speed\": is no limit").told("nofile");
    lab.tool(&["--ulimit", "nofile=2:1"], &["true"]).ended_with(125).told("can't be above the hard one");
}

#[test]
fn a_limit_that_rlab_itself_may_not_raise_names_the_missing_capability() {
    let lab = lab!();
    crate::harness::need!(programs(&["setpriv"], "apt install util-linux"));
    let own = std::fs::read_to_string("/proc/self/limits").unwrap();
    let open_files = own.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let hard: u64 = open_files.split_whitespace().nth(1).unwrap().parse().unwrap();
    let flag = format!("nofile={}", hard + 1);
    let rlab = lab.command(&Lab::arguments(&["--ulimit", &flag], &["true"]));
    let mut command = std::process::Command::new("setpriv");
    command.args(["--bounding-set=-sys_resource", "--inh-caps=-sys_resource"]).arg(rlab.get_program());
    command.args(rlab.get_args()).env("RLAB_ROOT", lab.root()).stdin(std::process::Stdio::null());
    let output = crate::harness::Running::start(&mut command).wait(super::streams::SOON);
    output.ended_with(125).told("rlimits: prlimit64(RLIMIT_NOFILE").told("EPERM").told("CAP_SYS_RESOURCE");
}

#[test]
fn an_init_buries_orphans_and_passes_signals_on() {
    let lab = lab!();
    // The inner shell ends at once, so its child is left to process 1. Without an init that is `sleep`, which waits for
    // nobody.
    let line = "sh -c 'sleep 0.1 &'; sh -c 'sleep 1; ps' & exec sleep 3";
    let buried = lab.shell(&["--init"], line).succeeded();
    assert!(buried.stdout.contains("sleep 3") && !buried.stdout.contains("[sleep]"), "{buried}");
    let unburied = lab.shell(&[], line).succeeded();
    assert!(unburied.stdout.contains("[sleep]"), "a zombie was to be seen\n{unburied}");

    let asleep = lab.start(&Lab::arguments(&["--init"], &["sh", "-c", "echo up; exec sleep 1000"]));
    asleep.wait_for_stdout("up", super::streams::SOON);
    asleep.signal(nix::sys::signal::Signal::SIGTERM);
    asleep.wait(super::streams::SOON).ended_with(143);
}

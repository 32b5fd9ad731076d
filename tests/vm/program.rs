//! The program in the machine: how it ends, what it is told, what it sees.

use super::machines::machines;

#[test]
fn exit_codes_are_those_of_a_container() {
    let machines = machines!(beside_others);
    machines.shell(&[], "exit 3").ended_with(3);
    let none = machines.tool(&[], &["no-such-program"]).ended_with(127).wrote("");
    none.told(r#"in the guest: exec: "no-such-program": not found"#).told("try: ");
    machines.tool(&[], &["/etc/passwd"]).ended_with(126).wrote("").told("permission denied");
    // It was ended by signal 15: 128 + 15.
    machines.shell(&[], "kill -TERM $$").ended_with(143);
}

#[test]
fn the_program_is_told_what_a_container_would_be() {
    let machines = machines!(beside_others);
    let file = machines.folder().join("variables");
    std::fs::write(&file, "# those of a file\nFROM_FILE=two words\nBOTH=file\n").unwrap();
    let flags = ["-e", "BOTH=flag", "-e", "EMPTY=", "--env-file", file.to_str().unwrap(), "-w", "/new/place"];
    let who = ["-u", "student", "-h", "guest1"];
    let what = ["--entrypoint", "/bin/sh"];
    let line = "env; pwd; id; hostname; cat /etc/hostname; touch /tmp/own; ls -l /tmp";
    let arguments = [&["vm", "run", "--network", "none"], &flags[..], &who, &what, &["lab", "-c", line]].concat();
    let output = machines.run(&arguments).succeeded();
    for line in [
        "BOTH=flag",
        "EMPTY=",
        "FROM_FILE=two words",
        "HOME=/home/student",
        "HOSTNAME=guest1",
        "/new/place",
        "uid=1000(student) gid=1000(student) groups=1000(student)",
        "guest1",
    ] {
        assert!(output.stdout.lines().any(|one| one == line), "no line {line:?}\n{output}");
    }
    assert_eq!(output.stdout.lines().filter(|line| *line == "guest1").count(), 2, "name and file\n{output}");
    assert!(output.stdout.contains("student  student  0  "), "{output}");
    let variables = output.stdout.lines().take_while(|line| line.contains('='));
    let mut names: Vec<&str> = variables.map(|line| line.split('=').next().unwrap()).collect();
    names.sort_unstable();
    // Nothing of the host's, and nothing of the kernel's command line.
    assert_eq!(names, ["BOTH", "EMPTY", "FROM_FILE", "HOME", "HOSTNAME", "PATH"], "{output}");
}

#[test]
fn the_machine_is_as_large_as_it_was_ordered() {
    let machines = machines!(beside_others);
    let line = "nproc; cat /proc/meminfo; cat /proc/sys/vm/swappiness; cat /proc/sys/kernel/hostname";
    let flags = ["-m", "300m", "--cpus", "2", "--sysctl", "vm.swappiness=7"];
    let output = machines.shell(&flags, line).succeeded();
    assert!(output.stdout.starts_with("2\n"), "{output}");
    output.stdout.lines().find(|line| *line == "7").unwrap_or_else(|| panic!("not the setting\n{output}"));
    let total = output.stdout.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap();
    let total_kib: u64 = total.trim().trim_end_matches(" kB").parse().unwrap();
    // The kernel keeps some of it for itself.
    assert!((200..300).contains(&(total_kib / 1024)), "{total}");
    // A container would have got an error: the whole kernel is the program's.
    assert_eq!(machines.shell(&[], "nproc").succeeded().stdout, "1\n");
}

#[test]
fn it_is_another_kernel_and_shows_no_process_of_the_host() {
    let machines = machines!(beside_others);
    let output = machines.shell(&[], "uname -r; ps; mount; cat /proc/1/cmdline").succeeded();
    let host = nix::sys::utsname::uname().unwrap().release().to_string_lossy().into_owned();
    let inside = output.stdout.lines().next().unwrap();
    if machines.root().join("vm/kernels").join(inside).exists() {
        assert_ne!(inside, host);
    }
    let processes: Vec<&str> = output.stdout.lines().filter(|line| line.contains(" root ")).collect();
    assert!(processes[0].trim_start().starts_with("1 ") && processes[0].ends_with("/rlab vm-guest"), "{output}");
    // Whatever is no thread of the guest's kernel was started here.
    let of_users: Vec<&&str> = processes.iter().filter(|line| !line.ends_with(']')).collect();
    assert_eq!(of_users.len(), 3, "process 1, sh and ps\n{output}");
    assert!(!output.stdout.contains(&std::process::id().to_string()), "{output}");
    let root = output.stdout.lines().find(|line| line.contains(" on / type ")).unwrap();
    assert!(root.starts_with("overlay ") && root.contains("(rw,"), "{root}");
    assert!(!output.stdout.contains(machines.root().to_str().unwrap()), "{output}");
}

#[test]
fn what_is_written_is_gone_with_the_machine() {
    let machines = machines!(beside_others);
    let line = "write /etc/passwd changed; write /new x; rm /bin/httpd; mkdir /data; cat /etc/passwd /new";
    machines.shell(&[], line).succeeded().wrote("changed\nx");
    let read_only = ["--read-only", "--tmpfs", "/scratch:size=1m,mode=1777"];
    let line = "ls -d /bin/httpd; ls -d /new; write /new x; write /scratch/new x; cat /scratch/new; mount -t tmpfs";
    let output = machines.shell(&read_only, line).succeeded();
    assert!(output.stdout.starts_with("/bin/httpd\n"), "the disk was changed\n{output}");
    assert!(output.stdout.contains("\nx\n") && output.stdout.contains("on /scratch type tmpfs"), "{output}");
    assert!(output.stdout.contains("size=1024k"), "{output}");
    let output = output.told("/new: Read-only file system");
    assert!(output.stderr.contains("No such file"), "{output}");
}

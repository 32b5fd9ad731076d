//! Each text below was written by a real QEMU 7.2 or a real kernel 6.1 to which the thing had been done.

use super::*;
use proptest::prelude::*;

const MIB: u64 = 512;

/// A console's log of a machine whose QEMU ended well, as it does when its guest has died.
fn of_console(text: &str, memory_mib: u64) -> Diagnosis {
    diagnose(text, "", Some(Ending::Status(0)), memory_mib, Stage::Boot)
}

fn of_stderr(text: &str) -> Diagnosis {
    diagnose("", text, Some(Ending::Status(1)), MIB, Stage::Machine)
}

/// What is told, with its hint.
#[track_caller]
fn tells(found: &Diagnosis, wanted: &str, hint: &str) {
    let told = found.to_string();
    assert_eq!(told, wanted);
    let hinted = found.hint().unwrap();
    assert!(hinted.contains(hint), "{hinted}");
}

#[test]
fn a_kernel_that_is_none_is_told_by_qemus_words() {
    let cases = [
        (
            "qemu: could not open kernel file '/nonexistent': No such file or directory\n",
            "QEMU could not read the kernel: could not open kernel file '/nonexistent': No such file or directory",
        ),
        (
            "qemu: could not load kernel 'empty': No such file or directory\n",
            "QEMU could not read the kernel: could not load kernel 'empty': No such file or directory",
        ),
        (
            "qemu: invalid kernel header\n",
            "the kernel's file is no Linux kernel that this machine could start: invalid kernel header",
        ),
        (
            "qemu-system-x86_64: Error loading uncompressed kernel without PVH ELF Note\n",
            "the kernel's file is no Linux kernel that this machine could start: Error loading uncompressed kernel without \
             PVH ELF Note",
        ),
    ];
    for (stderr, wanted) in cases {
        tells(&of_stderr(stderr), wanted, "--kernel");
    }
    // Cut off in the middle, with room enough.
    let found = of_console("", MIB);
    assert_eq!(found, Diagnosis::ResetInSilence);
    assert!(found.hint().unwrap().contains("--kernel"));
}

#[test]
fn a_refusal_of_qemu_names_the_thing() {
    let found = of_stderr(
        "qemu: error reading initrd /nonexistent: Failed to open file “/nonexistent”: open() failed: No such file or \
         directory\n",
    );
    assert!(matches!(found, Diagnosis::InitramfsUnreadable { .. }), "{found:?}");
    tells(
        &of_stderr("qemu-system-x86_64: -foo: invalid option\n"),
        "QEMU refused to make the machine: -foo: invalid option",
        "--explain",
    );
    tells(
        &of_stderr("qemu-system-x86_64: -device nosuch: 'nosuch' is not a valid device model name\n"),
        "QEMU refused to make the machine: -device nosuch: 'nosuch' is not a valid device model name",
        "rlab doctor",
    );
    tells(
        &of_stderr("qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory\n"),
        "the host has no 512 MiB of memory for the machine: cannot set up guest memory 'pc.ram': Cannot allocate memory",
        "-m",
    );
    let disk = "qemu-system-x86_64: -drive file=/nonexistent,if=none,format=raw,id=d: Could not open '/nonexistent': No such \
                file or directory\n";
    assert!(matches!(of_stderr(disk), Diagnosis::FileUnreadable { .. }), "{:?}", of_stderr(disk));
    let lock = "qemu-system-x86_64: -device virtio-blk-pci,drive=d: Failed to get \"write\" lock\nIs another process using \
                the image [d.img]?\n";
    assert!(matches!(of_stderr(lock), Diagnosis::FileUnreadable { .. }), "{:?}", of_stderr(lock));
    let silent = diagnose("", "", Some(Ending::Status(7)), MIB, Stage::Machine);
    assert_eq!(silent.to_string(), "QEMU refused to make the machine: it ended with status 7 and said nothing");
}

#[test]
fn a_taken_port_is_named_with_the_command_that_shows_who_has_it() {
    for (address, rule) in [("", "tcp::18099-:80"), ("127.0.0.1", "tcp:127.0.0.1:18099-:80")] {
        let stderr = format!(
            "qemu-system-x86_64: -netdev user,id=n,hostfwd=tcp:{address}:18099-:80: Could not set up host forwarding rule \
             '{rule}'\n"
        );
        let wanted = format!("port 18099 of the host could not be listened on, as in {rule:?}");
        tells(&of_stderr(&stderr), &wanted, "ss -ltnp 'sport = :18099'");
    }
}

#[test]
fn a_refused_accelerator_is_told() {
    for why in ["No such file or directory", "Permission denied"] {
        let stderr = format!(
            "Could not access KVM kernel module: {why}\nqemu-system-x86_64: -accel kvm: failed to initialize kvm: {why}\n"
        );
        let wanted = format!("QEMU could not use KVM: Could not access KVM kernel module: {why}");
        tells(&of_stderr(&stderr), &wanted, "--accel tcg");
    }
    let old = "kvm version too old\nqemu-system-x86_64: -accel kvm: failed to initialize kvm: Inappropriate ioctl for device\n";
    tells(&of_stderr(old), "QEMU could not use KVM: kvm version too old", "rlab doctor");
    tells(
        &of_stderr("qemu-system-x86_64: -accel xen: invalid accelerator xen\n"),
        "this QEMU was built without the accelerator \"xen\"",
        "-accel help",
    );
}

#[test]
fn too_little_memory_shows_in_five_ways() {
    let deadlocked = of_console(include_str!("consoles/deadlocked.txt"), 128);
    tells(&deadlocked, "the machine has too little memory with 128 MiB: System is deadlocked on memory", "-m 256m");
    let no_room = of_console(include_str!("consoles/unpack_no_room.txt"), 152);
    tells(
        &no_room,
        "the machine has too little memory with 152 MiB: Initramfs unpacking failed: write error",
        "-m 304m",
    );
    let eaten = of_console(include_str!("consoles/init_ate_memory.txt"), 192);
    assert!(matches!(eaten, Diagnosis::TooLittleMemory { memory_mib: 192, .. }), "{eaten:?}");
    let stderr = "qemu: initrd is too large, cannot support.(max: 16613375, need 34095144)\n";
    tells(
        &diagnose("", stderr, Some(Ending::Status(1)), 16, Stage::Firmware),
        "the machine has too little memory with 16 MiB: initrd is too large, cannot support.(max: 16613375, need 34095144)",
        "-m 256m",
    );
    // With 64 MiB or less nothing at all is said, and QEMU ends well.
    let silent = of_console("", 64);
    tells(
        &silent,
        "the machine has too little memory with 64 MiB: the machine reset itself before its kernel said a word",
        "-m 256m",
    );
}

#[test]
fn a_first_program_that_is_missing_is_told_apart_from_one_that_died() {
    tells(
        &of_console(include_str!("consoles/no_such_init.txt"), MIB),
        "the guest kernel found no first program to run: VFS: Cannot open root device \"(null)\" or unknown-block(0,0): \
         error -6",
        "--kernel",
    );
    tells(
        &of_console(include_str!("consoles/init_not_executable.txt"), MIB),
        "the guest kernel found no first program to run: Failed to execute /init (error -26)",
        "--kernel",
    );
    tells(
        &of_console(include_str!("consoles/initramfs_garbage.txt"), MIB),
        "the guest kernel could not unpack the initramfs: Initramfs unpacking failed: invalid magic at start of compressed \
         archive",
        "vm/initramfs",
    );
    tells(
        &of_console(include_str!("consoles/init_exited.txt"), MIB),
        "the guest's first program ended with status 3, and a kernel can't go on without it",
        "--explain",
    );
    tells(
        &of_console(include_str!("consoles/init_crashed.txt"), MIB),
        "the guest's first program ended by signal 11, and a kernel can't go on without it; before that it said: init[1]: \
         segfault at 0 ip 00000000004016e9 sp 00007fff8424e640 error 6 in init[401000+78000] likely on CPU 0 (core 0, socket \
         0)",
        "--explain",
    );
}

#[test]
fn a_panic_is_told_with_what_was_said_before_it() {
    let found = of_console(include_str!("consoles/panic.txt"), MIB);
    tells(
        &found,
        "the guest kernel panicked: sysrq triggered crash; before that it said: sysrq: Trigger a crash",
        "--kernel",
    );
    // One that comes before there is a first program has the end of the boot before it.
    let early = "[    0.1] no time\n[    0.100000] one\n[    0.200000] two\n[    0.300000]  indented\n[    0.400000] Kernel \
                 panic - not syncing: VFS: x\n";
    let told = of_console(early, MIB).to_string();
    assert_eq!(told, "the guest kernel panicked: VFS: x; before that it said: one; two");
}

#[test]
fn who_ended_qemu_is_told() {
    let killed = |signal: &str| {
        let ending = Some(Ending::Signal(signal.to_owned()));
        diagnose(include_str!("consoles/stuck.txt"), "", ending, MIB, Stage::GuestExec)
    };
    tells(&killed("SIGKILL"), "QEMU was ended by SIGKILL, while the machine was at guest_exec", "dmesg");
    assert!(killed("SIGSEGV").hint().unwrap().contains("QEMU itself broke"));
    // QEMU catches this one, and ends with a good status.
    let asked = "qemu-system-x86_64: terminating on signal 15 from pid 4711 (sh)\n";
    let found = diagnose("", asked, Some(Ending::Status(0)), MIB, Stage::Boot);
    tells(&found, "QEMU was ended by SIGTERM, while the machine was at boot", "run it again");
}

#[test]
fn a_machine_that_goes_on_without_end_is_told_by_its_last_word() {
    let found = diagnose("Probing EDD (edd=off to disable)... ok\r\n", "", None, MIB, Stage::Firmware);
    tells(&found, "the machine has run for the time it was given, and its kernel has not said a word", "--accel tcg");
    let stuck = include_str!("consoles/stuck.txt");
    let found = diagnose(stuck, "", None, MIB, Stage::GuestInit);
    tells(
        &found,
        "the machine got no farther than guest_init; the last that its kernel said is \"clocksource: Switched to clocksource \
         tsc\"",
        "--explain",
    );
    let found = diagnose(stuck, "", Some(Ending::Status(0)), MIB, Stage::GuestInit);
    assert!(matches!(found, Diagnosis::EndedEarly { .. }), "{found:?}");
}

#[test]
fn a_warning_is_not_taken_for_the_refusal() {
    let stderr = "qemu-system-x86_64: warning: TCG doesn't support requested feature: CPUID.01H:ECX.vmx [bit 5]\n\
                  qemu-system-x86_64: -foo: invalid option\n";
    assert_eq!(of_stderr(stderr), Diagnosis::Refused { said: "-foo: invalid option".to_owned() });
}

proptest! {
    #[test]
    fn whatever_is_said_there_is_one_line_and_a_hint(
        console in "(\\[    [0-9]\\.[0-9]{6}\\] (Kernel panic - not syncing|Initramfs unpacking failed|exitcode=0x)?.{0,40}\n){0,5}",
        stderr in "(qemu: )?.{0,60}\n?.{0,30}",
        status in prop::option::of(-1..3i32),
        memory_mib in any::<u64>(),
    ) {
        let found = diagnose(&console, &stderr, status.map(Ending::Status), memory_mib, Stage::Boot);
        for text in [found.to_string(), found.hint().unwrap()] {
            prop_assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
}

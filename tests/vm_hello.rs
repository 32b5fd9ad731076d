//! `rlab vm hello`: a machine that says hello, the truth of its story, and what is said where no machine can be made.

use crate::harness::host::{Inventory, alone, together};
use crate::harness::{Output, Rlab, Running, need};
use crate::truth::strace::{Seen, calls, descriptor};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

/// Ends the test aloud where KVM runs no guest: no device, no right to it, or a machine below that does not nest.
macro_rules! need_kvm {
    () => {
        let output = Rlab::new().run(&["doctor", "--format", "json"]);
        let report: Value = serde_json::from_str(&output.stdout).unwrap();
        let row = report["rows"].as_array().unwrap().iter().find(|row| row["check"] == "KVM").unwrap();
        if row["verdict"] != "ok" {
            return crate::skip::aloud(format!("no guest runs here by KVM: {}", row["fact"]));
        }
    };
}

/// rlab with a /dev of its own, in which a script has put what it likes. `$0` is rlab, `$@` its arguments.
fn with_dev(rlab: &Rlab, script: &str, arguments: &[&str]) -> Output {
    let inner = rlab.command(arguments);
    let script = format!("mount -t tmpfs -o mode=755 none /dev && {script}");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec", &script]).arg(inner.get_program()).args(inner.get_args());
    command.env("RLAB_ROOT", rlab.root()).env("RLAB_CONFIG", rlab.folder().join("config.toml"));
    Running::start(command.stdin(Stdio::null())).wait(SOON)
}

#[test]
fn the_smallest_machine_says_hello() {
    let _turn = together();
    need_kvm!();
    let rlab = Rlab::new();
    let output = rlab.run(&["vm", "hello"]).succeeded();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("hello\n", ""));
    assert!(!rlab.root().exists(), "nothing is kept of it");
    // What the guest says and what is told of it don't mix.
    let told = rlab.run(&["vm", "hello", "--explain"]).succeeded();
    assert_eq!(told.stdout, "hello\n");
    for line in told.stderr.lines() {
        assert!(line.chars().count() <= 80 && !line.contains('\u{1b}') && !line.ends_with(' '), "{line:?}");
    }
}

#[test]
fn its_story_is_the_same_every_time() {
    let _turn = together();
    need_kvm!();
    let rlab = Rlab::new();
    let told = |view: &str| rlab.run(&["vm", "hello", "--stable", &format!("--explain={view}")]).succeeded().stderr;
    for view in ["story", "brief", "calls", "json"] {
        assert_eq!(told(view), told(view), "{view}");
        assert!(told(view).lines().count() >= 8, "{view}");
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"as root|as an ordinary user", "as (user)");
    settings.add_filter(r"Linux \d+\.\d+", "Linux (version)");
    // Whether rip points at `out` or behind it at an exit differs between kernels.
    settings.add_filter(r"rip 0x100[bc]", "rip (out)");
    // How much of a processor's state the kernel shares with its process, and what a processor's own model number is.
    settings.add_filter(r"length=\d{5}", "length=(pages)");
    settings.add_filter(r"rdx=0x[0-9a-f]+", "rdx=(model)");
    settings.bind(|| insta::assert_snapshot!("hello-story", told("story")));
}

/// A call as both sides can be brought to spell it: its name, what it was made on, and which numbers were in it.
#[derive(Debug, PartialEq)]
struct Made {
    name: String,
    on: String,
    op: String,
    numbers: Vec<(String, u64)>,
    ret: i64,
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `{cs={base=0, limit=65535}, cr0=0x10}` as strace has it: `cs.base`, `cs.limit`, `cr0`.
fn seen_numbers(within: &str, text: &str, into: &mut Vec<(String, u64)>) {
    let Some(inner) = text.strip_prefix('{') else { return };
    let (fields, _) = crate::truth::strace::split(inner, '}');
    for field in fields {
        let Some((name, value)) = field.split_once('=') else { continue };
        let name = format!("{within}{name}");
        match number(value) {
            Some(number) => into.push((name, number)),
            None => seen_numbers(&format!("{name}."), value, into),
        }
    }
}

/// The same of what was told.
fn told_numbers(within: &str, value: &Value, into: &mut Vec<(String, u64)>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let name = format!("{within}{name}");
        match value.as_u64() {
            Some(number) => into.push((name, number)),
            None => told_numbers(&format!("{name}."), value, into),
        }
    }
}

/// What strace saw, if it was about KVM or about one of these pieces of memory, by address and length.
fn seen(call: &Seen, pieces: &BTreeSet<(u64, u64)>) -> Option<Made> {
    let on = |argument: &str| {
        let path = descriptor(argument).1?.trim_start_matches("anon_inode:").to_owned();
        (path == "/dev/kvm" || path.starts_with("kvm-")).then_some(path)
    };
    let ret = call.result.split('<').next().unwrap_or_default();
    let ret = number(ret).map_or(-1, |ret| ret as i64);
    let mut made = Made { name: call.name.clone(), on: String::new(), op: String::new(), numbers: vec![], ret };
    match call.name.as_str() {
        "openat" if call.args[1] == "\"/dev/kvm\"" => made.on = "/dev/kvm".to_owned(),
        "ioctl" => {
            made.on = on(&call.args[0])?;
            made.op.clone_from(&call.args[1]);
            seen_numbers("", &call.args[2], &mut made.numbers);
        }
        "close" => made.on = on(&call.args[0])?,
        "mmap" => {
            let length = number(&call.args[1])?;
            made.on = on(&call.args[4]).or_else(|| pieces.contains(&(ret as u64, length)).then(String::new))?;
            made.numbers.push(("length".to_owned(), length));
        }
        "munmap" => {
            let (addr, length) = (number(&call.args[0])?, number(&call.args[1])?);
            pieces.contains(&(addr, length)).then_some(())?;
            made.numbers = vec![("addr".to_owned(), addr), ("length".to_owned(), length)];
        }
        _ => return None,
    }
    Some(made)
}

/// What was told of it.
fn told(event: &Value) -> Made {
    let args = &event["args"];
    let text = |name: &str| args[name].as_str().unwrap_or_default().to_owned();
    let on = if event["call"] == "openat" { text("pathname") } else { text("fd") };
    let mut numbers = vec![];
    match event["call"].as_str().unwrap() {
        "ioctl" => told_numbers("", &args["arg"], &mut numbers),
        "mmap" => numbers.push(("length".to_owned(), args["length"].as_u64().unwrap())),
        "munmap" => told_numbers("", args, &mut numbers),
        _ => {}
    }
    let ret = event["ret"].as_i64().unwrap();
    Made { name: event["call"].as_str().unwrap().to_owned(), on, op: text("op"), numbers, ret }
}

#[test]
fn each_call_to_kvm_is_told_and_none_is_invented() {
    need!(programs(&["strace"], "apt install strace"));
    let _turn = together();
    need_kvm!();
    let rlab = Rlab::new();
    let [trace, strace] = ["trace.jsonl", "strace"].map(|name| rlab.folder().join(name));
    let inner = rlab.command(&["vm", "hello", "--trace-out", trace.to_str().unwrap()]);
    let mut command = Command::new("strace");
    command.args(["-ttt", "-v", "-y", "-e", "trace=openat,ioctl,mmap,munmap,close", "-e", "signal=none", "-o"]);
    command.arg(&strace).arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
    Running::start(&mut command).wait(SOON).succeeded().wrote("hello");

    let text = std::fs::read_to_string(trace).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<Made> = events.iter().filter(|event| event["kind"] == "call").map(told).collect();
    let mapped = told.iter().filter(|call| call.name == "mmap");
    let pieces = mapped.map(|call| (call.ret as u64, call.numbers[0].1)).collect();
    // Before the first of them, other memory may have been there.
    let all = calls(&std::fs::read_to_string(strace).unwrap());
    let of_kvm = all.iter().skip_while(|call| call.name != "openat" || call.args[1] != "\"/dev/kvm\"");
    let seen: Vec<Made> = of_kvm.filter_map(|call| seen(call, &pieces)).collect();
    let names = |made: &[Made]| made.iter().map(|made| format!("{} {}", made.name, made.op)).collect::<Vec<_>>();
    assert_eq!(names(&told), names(&seen));
    for (mut told, seen) in told.into_iter().zip(seen) {
        // strace has no name for this field of a segment.
        told.numbers.retain(|(name, _)| !name.ends_with(".unusable"));
        assert_eq!(told, seen);
    }
    // Six letters and a halt, each once, in their order: that is what the guest did.
    let exits: Vec<&Value> = events.iter().filter(|event| event["object"] == "exit").collect();
    let letters: String = exits.iter().filter_map(|exit| exit["after"]["al"].as_str()).collect();
    assert_eq!((exits.len(), letters.as_str()), (7, "hello\\n"));
    assert_eq!(exits[6]["key"], "KVM_EXIT_HLT");
}

#[test]
fn an_ordinary_user_who_may_open_the_device_needs_nothing_else() {
    need!(root(), programs(&["unshare", "mount", "setpriv"], "apt install util-linux"));
    let _turn = together();
    need_kvm!();
    let rlab = Rlab::new();
    let as_nobody = "touch /dev/rlab && mount --bind \"$0\" /dev/rlab && cd / && \
                     exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all -- /dev/rlab \"$@\"";
    let script = format!("mknod -m 666 /dev/kvm c 10 232 && {as_nobody}");
    let output = with_dev(&rlab, &script, &["vm", "hello", "--explain"]).succeeded().wrote("hello");
    output.told("as an ordinary user").told(" 8 release ──");
    let script = format!("mknod -m 600 /dev/kvm c 10 232 && {as_nobody}");
    let output = with_dev(&rlab, &script, &["vm", "hello"]).ended_with(125).wrote("");
    output.told("user 65534 may not make virtual machines: openat").told("EACCES").told("usermod -aG kvm");
}

#[test]
fn where_there_is_no_kvm_it_is_said_what_to_do() {
    need!(root(), programs(&["unshare", "mount"], "apt install util-linux"));
    let _turn = alone();
    let rlab = Rlab::new();
    let before = Inventory::take(&[rlab.folder()]);
    let hello = ["vm", "hello"];
    let output = with_dev(&rlab, "exec \"$0\" \"$@\"", &hello).ended_with(125).wrote("");
    output.told("this kernel offers no virtual machines: openat").told("ENOENT").told("`rlab vm run`");
    // A device that only has the name, and one without a driver.
    let output = with_dev(&rlab, "mknod /dev/kvm c 1 3 && exec \"$0\" \"$@\"", &hello).ended_with(125).wrote("");
    output.told("what is named /dev/kvm is not KVM: ioctl").told("ENOTTY");
    let output = with_dev(&rlab, "mknod /dev/kvm c 250 250 && exec \"$0\" \"$@\"", &hello).ended_with(125).wrote("");
    output.told("this kernel offers no virtual machines: openat");
    let output = with_dev(&rlab, "exec \"$0\" \"$@\"", &["vm", "hello", "--explain"]).ended_with(125);
    output.told(" failed ──").told("= ENOENT\n");
    assert_eq!(before.difference(&Inventory::take(&[rlab.folder()])), "");
}

#[test]
fn a_machine_that_fails_or_is_ended_half_way_leaves_nothing() {
    need!(root());
    let _turn = alone();
    need_kvm!();
    let rlab = Rlab::new();
    let before = Inventory::take(&[rlab.folder()]);
    let broken = |rule: &str| rlab.run(&["vm", "hello", "--inject", rule]).ended_with(125).wrote("");
    broken("create_vm/ioctl=EBUSY").told("the processor's guest mode is taken: ioctl").told("(INJECTED)");
    broken("guest_memory/mmap=ENOMEM").told("mmap").told("ENOMEM");
    broken("guest_memory/ioctl=EINVAL").told("KVM_SET_USER_MEMORY_REGION");
    broken("registers/ioctl=EINVAL:when=2").told("KVM_SET_SREGS");
    broken("vcpu_run/ioctl=EFAULT").told("KVM_RUN").told("rlab doctor");
    // As if a signal had come: the guest goes on where it was.
    let rule = "vcpu_run/ioctl=EINTR:when=2";
    rlab.run(&["vm", "hello", "--inject", rule]).succeeded().wrote("hello");
    // The first letter is out, the second is on its way; there Ctrl-C comes.
    let running = rlab.start(&["vm", "hello", "--inject", "vcpu_run/ioctl=pause:when=2"]);
    running.wait_for_stdout("h", SOON);
    running.signal(Signal::SIGINT);
    let output = running.wait(SOON);
    assert_eq!(output.status.signal(), Some(Signal::SIGINT as i32), "{output}");
    assert_eq!(before.difference(&Inventory::take(&[rlab.folder()])), "");
}

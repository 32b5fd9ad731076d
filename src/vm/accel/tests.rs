//! The choice, and the probe with programs in QEMU's place that say what a real one has said.

use super::*;
use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// What hung here and what ran said this much.
const FIRMWARE: &str = "Probing EDD (edd=off to disable)... ok\\r\\n";
const KERNEL: &str =
    "[    0.000000] Linux version 6.1.0-56-cloud-amd64\\r\\n[    1.532612] Kernel panic - not syncing: VFS\\r\\n";
/// Long enough for a shell to begin, on any host.
const AMPLE: Limits = Limits { first_word: Duration::from_secs(60), whole: Duration::from_secs(60) };

/// A folder with a kernel's file, a program in QEMU's place, and room for the answers.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// The program is a script of the shell.
    fn new(script: &str) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let bench = Bench { folder };
        std::fs::write(bench.kernel(), "a kernel").unwrap();
        bench.set_qemu(script);
        bench
    }

    fn set_qemu(&self, script: &str) {
        // A file that is open for writing can't be run, and another test's child may have it open for a moment.
        let new = self.at("new");
        let text = format!("#!/bin/sh\necho run >>{}\n{script}\n", self.at("runs").display());
        let made =
            std::process::Command::new("sh").args(["-c", "printf %s \"$1\" >\"$2\"", "sh", &text]).arg(&new).status();
        assert!(made.unwrap().success());
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(new, self.qemu()).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn qemu(&self) -> PathBuf {
        self.at("qemu")
    }

    fn kernel(&self) -> PathBuf {
        self.at("vmlinuz")
    }

    fn cache(&self) -> PathBuf {
        self.at("vm")
    }

    /// How often the program was run.
    fn runs(&self) -> usize {
        std::fs::read_to_string(self.at("runs")).unwrap_or_default().lines().count()
    }

    fn probe(&self, limits: Limits) -> Result<Found, String> {
        probe::run(&self.qemu(), &self.kernel(), limits).unwrap()
    }

    /// What is found, and what is announced before.
    fn ask(&self) -> (Result<Found, String>, Vec<String>) {
        let announced = RefCell::new(vec![]);
        let announce = |text: &str| announced.borrow_mut().push(text.to_owned());
        let found = recall_or_try(&self.cache(), &self.qemu(), &self.kernel(), AMPLE, &announce).unwrap();
        (found, announced.into_inner())
    }
}

fn runs_well() -> String {
    format!("printf '{FIRMWARE}{KERNEL}'")
}

#[test]
fn a_kernel_that_comes_to_its_end_has_run() {
    let found = Bench::new(&runs_well()).probe(AMPLE);
    assert!(matches!(found, Ok(Found::Runs { .. })), "{found:?}");
}

#[test]
fn a_kernel_that_says_nothing_in_time_hangs() {
    // What is not waited for can't come in time.
    let found = Bench::new("exec sleep 1000").probe(Limits { first_word: Duration::ZERO, ..AMPLE });
    assert!(matches!(found, Ok(Found::Hangs { last: None, .. })), "{found:?}");
    // As it was here: the boot loader's part of the kernel's file had its say, and then nothing.
    let mut heard = probe::Heard::default();
    heard.take(b"Probing EDD (edd=off to disable)... ok\r\n\r\n", true);
    let told = heard.judged(None, Duration::from_millis(3004)).unwrap().to_string();
    let wanted = "KVM is here, but within 3 s an ordinary kernel came no farther under it than \"Probing EDD (edd=off to \
                  disable)... ok\"";
    assert_eq!(told, wanted);
}

#[test]
fn a_kernel_that_begins_and_does_not_end_hangs_and_its_qemu_is_ended() {
    let bench = Bench::new("");
    bench.set_qemu(&format!(
        "echo $$ >{}; printf '{FIRMWARE}[    0.000000] Linux\\r\\n'; exec sleep 1000",
        bench.at("pid").display()
    ));
    let found = bench.probe(Limits { whole: Duration::ZERO, ..AMPLE });
    let Ok(Found::Hangs { last: Some(last), .. }) = &found else { panic!("{found:?}") };
    assert_eq!(last, "[    0.000000] Linux");
    let pid = std::fs::read_to_string(bench.at("pid")).unwrap();
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "{pid} is left");
}

#[test]
fn the_kernels_first_word_is_known_however_it_comes_in() {
    let text = "Kernel panic - not syncing\r\n[    0.000000] Linux version 6\r\n".as_bytes();
    for size in 1..text.len() {
        let mut heard = probe::Heard::default();
        text.chunks(size).for_each(|piece| heard.take(piece, true));
        assert!(matches!(heard.judged(Some(sys::Ended::Exited(0)), Duration::ZERO), Ok(Found::Runs { .. })), "{size}");
    }
    let mut heard = probe::Heard::default();
    heard.take(text, false);
    heard.take(&text[..text.len() - 3], true);
    assert!(
        heard.judged(Some(sys::Ended::Exited(0)), Duration::ZERO).is_err(),
        "only a whole line of the console counts"
    );
}

#[test]
fn a_qemu_that_ctrl_c_has_ended_says_nothing_of_the_kernel() {
    let mut heard = probe::Heard::default();
    heard.take(b"[    0.000000] Linux version 6\r\n[    0.1] Console: colour\r\n", true);
    assert!(heard.judged(Some(sys::Ended::Exited(0)), Duration::ZERO).is_err());
}

#[test]
fn what_qemu_refuses_is_told_and_not_kept() {
    let script = "echo 'Could not access KVM kernel module: Permission denied' >&2; \
                  echo 'qemu-system-x86_64: -accel kvm: failed to initialize kvm: Permission denied' >&2; exit 1";
    let bench = Bench::new(script);
    for _ in 0..2 {
        let (found, announced) = bench.ask();
        assert_eq!(found, Err("Could not access KVM kernel module: Permission denied".to_owned()));
        assert_eq!(announced, ["trying whether KVM runs this kernel: once, and for 60 s at most"]);
    }
    assert_eq!((bench.runs(), bench.cache().exists()), (2, false));
    assert!(Bench::new("kill -9 $$").probe(AMPLE).unwrap_err().contains("SIGKILL"));
    assert!(Bench::new("printf ''").probe(AMPLE).unwrap_err().contains("reset itself"));
}

#[test]
fn that_qemu_ended_itself_is_an_answer_and_kept() {
    // Word for word, from a host that is a guest itself.
    let script = "echo 'qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69' >&2; \
                  echo 'qemu-system-x86_64: kvm.c:3183: kvm_buf_set_msrs: Assertion failed.' >&2; kill -ABRT $$";
    let bench = Bench::new(script);
    let (found, announced) = bench.ask();
    assert_eq!(announced.len(), 1);
    assert_eq!(bench.ask(), (found.clone(), vec![]));
    assert_eq!(bench.runs(), 1);
    let choice = of_probe(found).unwrap();
    assert_eq!(choice.accel, Accel::Tcg);
    assert_eq!(choice.why, "KVM is here, but QEMU gave up under it: failed to set MSR 0x10a to 0x69");
    assert!(Bench::new("kill -ABRT $$").probe(AMPLE).unwrap().to_string().ends_with(": it said nothing"));
}

#[test]
fn a_guest_that_never_stops_talking_fills_no_memory() {
    let mut heard = probe::Heard::default();
    (0..3000).for_each(|_| heard.take(&[b'x'; 1024], true));
    assert_eq!(heard.console.len(), probe::CONSOLE_BYTES);
}

#[test]
fn an_answer_is_asked_for_once() {
    let bench = Bench::new(&runs_well());
    let (first, announced) = bench.ask();
    assert_eq!(announced.len(), 1);
    assert_eq!(bench.ask(), (first.clone(), vec![]));
    assert_eq!(bench.runs(), 1);
    let known = known(&bench.cache(), &bench.qemu()).unwrap();
    assert_eq!((known.found, known.kernel), (first.unwrap(), bench.kernel().canonicalize().unwrap()));
    assert!(known.at.ends_with('Z') && known.at.len() == "2026-01-02T03:04:05Z".len(), "{}", known.at);
    // By rename: nothing else is left there.
    assert_eq!(std::fs::read_dir(bench.cache()).unwrap().count(), 1);
}

#[test]
fn another_kernel_another_qemu_or_another_boot_is_another_question() {
    let bench = Bench::new(&runs_well());
    bench.ask().0.unwrap();
    std::fs::write(bench.kernel(), "another kernel").unwrap();
    assert_eq!(known(&bench.cache(), &bench.qemu()), None);
    bench.ask().0.unwrap();
    assert_eq!(bench.runs(), 2);
    bench.set_qemu(&runs_well());
    assert_eq!(known(&bench.cache(), &bench.qemu()), None);
    bench.ask().0.unwrap();
    assert_eq!(bench.runs(), 3);
    let file = bench.cache().join("kvm.json");
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(boot.trim()), "{text}");
    std::fs::write(&file, text.replace(boot.trim(), "another-boot")).unwrap();
    assert_eq!(known(&bench.cache(), &bench.qemu()), None);
    bench.ask().0.unwrap();
    assert_eq!(bench.runs(), 4);
    assert!(!std::fs::read_to_string(&file).unwrap().contains("another-boot"), "what is of no use is not kept");
}

#[test]
fn a_damaged_file_of_answers_is_no_answer_and_is_written_anew() {
    let bench = Bench::new(&runs_well());
    bench.ask().0.unwrap();
    let file = bench.cache().join("kvm.json");
    let good = std::fs::read_to_string(&file).unwrap();
    for bad in ["", "{", "[]", &good[..good.len() / 2], &good.replace("\"version\": 1", "\"version\": 2")] {
        std::fs::write(&file, bad).unwrap();
        assert_eq!(known(&bench.cache(), &bench.qemu()), None, "{bad}");
        bench.ask().0.unwrap();
        assert!(known(&bench.cache(), &bench.qemu()).is_some());
    }
    assert_eq!(bench.runs(), 6);
}

#[test]
fn a_place_that_cannot_be_written_to_only_costs_time() {
    let bench = Bench::new(&runs_well());
    // A file where the folder should be stops root, too.
    std::fs::write(bench.cache(), "").unwrap();
    for _ in 0..2 {
        assert!(matches!(bench.ask().0, Ok(Found::Runs { .. })));
    }
    assert_eq!(bench.runs(), 2);
}

#[test]
fn answers_for_several_kernels_are_kept_and_not_without_end() {
    let bench = Bench::new(&runs_well());
    let kernels: Vec<PathBuf> = (0..12).map(|number| bench.at(&format!("vmlinuz-{number}"))).collect();
    let found = Found::Runs { took_ms: 1 };
    for kernel in &kernels {
        std::fs::write(kernel, "x").unwrap();
        cache::remember(&bench.cache(), &bench.qemu(), kernel, &found);
    }
    let kept = kernels.iter().filter(|kernel| cache::recall(&bench.cache(), &bench.qemu(), kernel).is_some());
    assert_eq!(kept.count(), 8);
    let last = known(&bench.cache(), &bench.qemu()).unwrap().kernel;
    assert_eq!(last, kernels[11].canonicalize().unwrap());
    std::fs::remove_file(&kernels[11]).unwrap();
    let last = known(&bench.cache(), &bench.qemu()).unwrap().kernel;
    assert_eq!(last, kernels[10].canonicalize().unwrap(), "of a kernel that is gone nothing is known");
}

#[test]
fn the_reason_is_a_sentence_for_people() {
    let refused = |errno: sys::Errno| Refused { what: format!("openat: {errno:?}"), errno: Some(errno as i32) };
    let why = |found| of_probe(found).unwrap().why;
    assert_eq!(of_small_guest(false, &refused(sys::Errno::ENOENT)).why, "there is no /dev/kvm");
    let small = of_small_guest(true, &Refused::new("no answer within 2000 ms"));
    assert_eq!(small.why, "/dev/kvm is here, but did not run even a dozen instructions: no answer within 2000 ms");
    assert_eq!((small.accel, small.named), (Accel::Tcg, false));
    assert_eq!(why(Ok(Found::Runs { took_ms: 412 })), "KVM ran this kernel to its end in 0.41 s");
    assert_eq!(
        why(Ok(Found::Hangs { waited_ms: 3001, last: None })),
        "KVM is here, but an ordinary kernel said nothing within 3 s under it"
    );
    assert_eq!(why(Err("no".to_owned())), "QEMU could not use KVM: no");
    assert_eq!(of_probe(Ok(Found::Runs { took_ms: 1 })).unwrap().accel, Accel::Kvm);
    assert_eq!(of_probe(Ok(Found::Hangs { waited_ms: 1, last: None })).unwrap().accel, Accel::Tcg);
}

#[test]
fn kvm_that_is_asked_for_is_refused_only_where_it_cannot_be() {
    let refused = |errno: sys::Errno| Err(Refused { what: format!("openat: {errno:?}"), errno: Some(errno as i32) });
    let error = as_asked(false, &refused(sys::Errno::ENOENT)).unwrap_err();
    assert_eq!(error.to_string(), "KVM was asked for, and there is no /dev/kvm");
    assert!(error.hint().unwrap().contains("rlab doctor"));
    let error = as_asked(true, &refused(sys::Errno::EACCES)).unwrap_err();
    assert_eq!(error.to_string(), "KVM was asked for, and /dev/kvm refuses: openat: EACCES");
    assert!(error.hint().unwrap().contains("usermod -aG kvm"));
    as_asked(true, &Err(Refused::new("no answer within 2000 ms"))).unwrap();
    as_asked(true, &Ok(String::new())).unwrap();
}

#[test]
fn emulation_that_is_asked_for_takes_no_question() {
    let bench = Bench::new("exit 1");
    let choice = choose(&bench.cache(), Some(Accel::Tcg), &bench.qemu(), &bench.kernel(), &|_| panic!("told")).unwrap();
    assert_eq!(choice, Choice { accel: Accel::Tcg, why: "--accel tcg says so".to_owned(), named: true });
    assert_eq!(bench.runs(), 0);
}

#[test]
fn an_accelerator_is_named_as_qemu_names_it() {
    for accel in [Accel::Kvm, Accel::Tcg] {
        assert_eq!(accel.to_string().parse::<Accel>().unwrap(), accel);
    }
    let error = "xen".parse::<Accel>().unwrap_err();
    assert_eq!(error.to_string(), "\"xen\" is no accelerator: kvm or tcg");
}

//! CVE-2019-5736: a container has the runtime's own file run inside, keeps it open, and overwrites it for the next root.

use super::range::{compile, images, range};
use crate::harness::Rlab;
use sha2::{Digest, Sha256};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const EROFS: &str = "-30";

/// rlab's file as it is: what it holds, who owns it, what it may.
fn state() -> (Vec<u8>, u32, u32, u64) {
    let path = Path::new(env!("CARGO_BIN_EXE_rlab"));
    let found = std::fs::metadata(path).unwrap();
    (Sha256::digest(std::fs::read(path).unwrap()).to_vec(), found.mode(), found.uid(), found.nlink())
}

/// The loader that rlab's program names, in which the image puts its own code.
fn loader() -> String {
    let told = crate::registry::run(std::process::Command::new("readelf").args(["-lW", env!("CARGO_BIN_EXE_rlab")]));
    let line = told.lines().find_map(|line| line.trim().strip_prefix("[Requesting program interpreter: "));
    line.expect("rlab is linked dynamically").trim_end_matches(']').trim_start_matches('/').to_owned()
}

#[test]
fn rlabs_own_file_is_out_of_reach_of_the_image_that_it_runs() {
    if !cfg!(target_arch = "x86_64") {
        return crate::skip::aloud("the hostile loader is written for x86-64");
    }
    crate::harness::need!(programs(&["readelf"], "apt install binutils"));
    let (range, images) = (range!(), images!());
    let hostile = range.place().join("loader");
    let program =
        compile(&["loader"], &["-nostdlib", "-ffreestanding", "-fno-stack-protector", "-Wl,-Ttext-segment=0x10000000"]);
    std::fs::write(&hostile, program).unwrap();
    let loader = loader();
    let plant = format!(
        "mkdir -p $(dirname {loader}); cp {} {loader}; chmod 755 {loader}
         printf '#!/proc/self/exe\n' > shebang; chmod 755 shebang; ln -s /proc/self/exe symlink",
        hostile.display()
    );
    let image = images.add(&range, "overwrite", &plant, &[]);
    let before = state();
    for program in ["/proc/self/exe", "/proc/1/exe", "/symlink", "/shebang", "/proc/thread-self/exe"] {
        // Root with every power is not more than root on the host, but this file it does not reach either.
        for flags in
            [&[][..], &["--init"], &["--cap-add", "ALL", "--security-opt", "seccomp=unconfined"], &["--privileged"]]
        {
            let output = images.run(flags, &image, &[program]);
            assert_eq!(state(), before, "{program} {flags:?}");
            if output.status.success() {
                let told =
                    |name: &str| output.stdout.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("nothing");
                assert_eq!(told("link: "), "0", "{output}");
                for attempt in ["open: ", "truncate: ", "chmod: ", "chown: "] {
                    assert_eq!(told(attempt), EROFS, "{program} {flags:?}: {attempt}\n{output}");
                }
                assert_eq!(told("link away: "), "-18", "EXDEV\n{output}");
            } else {
                // The reaper is process 1, and nobody may look at it.
                assert_eq!((program, flags), ("/proc/1/exe", &["--init"][..]), "{output}");
            }
        }
    }
}

/// The reaper of --init stays rlab as long as the container lives. It can't be read, traced, or written to.
#[test]
fn the_reaper_is_rlab_and_can_not_be_looked_into() {
    let range = range!();
    let attempts = [
        "look,/proc/1/environ",
        "look,/proc/1/root",
        "look,/proc/1/fd/0",
        "ptrace,1",
        "vm-read,1",
        "truncate,/proc/1/exe",
    ];
    let came = range.attack(&["--init"], &attempts);
    let wanted = ["EACCES", "EACCES", "EACCES", "EPERM", "EPERM", "EACCES"];
    for (attempt, wanted) in attempts.iter().zip(wanted) {
        assert_eq!(came[*attempt], wanted, "{attempt}");
    }
    // Without that protection, what is left is the mount that rlab was run from: read-only, and hung up nowhere.
    let flags = ["--init", "--cap-add", "SYS_PTRACE"];
    assert_eq!(range.outcome(&flags, "look,/proc/1/root"), "ok");
    assert_eq!(range.outcome(&flags, "truncate,/proc/1/exe"), "EROFS");
    assert_eq!(range.outcome(&flags, "chmod,/proc/1/exe"), "EROFS");
}

/// A copy of rlab that an ordinary user may write to is written to in vain while root runs it.
#[test]
fn who_runs_rlab_from_a_writable_place_still_runs_a_read_only_one() {
    let range = range!();
    let rlab = Rlab::new();
    let copy = range.place().join("rlab");
    std::fs::copy(env!("CARGO_BIN_EXE_rlab"), &copy).unwrap();
    let attacker = format!("{}:/attack:ro", range.attacker().display());
    let mut command = std::process::Command::new(&copy);
    command.args(["run", "--rm", "--network", "none", "--init", "--cap-add", "SYS_PTRACE", "-v", &attacker, "lab"]);
    command.args(["/attack", "truncate,/proc/1/exe"]);
    command
        .env("RLAB_ROOT", rlab.root())
        .env("HOME", rlab.home())
        .env("RLAB_CONFIG", rlab.folder().join("config.toml"));
    let told = crate::registry::run(&mut command);
    assert_eq!(told.trim(), "truncate,/proc/1/exe: EROFS");
}

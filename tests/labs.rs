//! The labs: each is passed by its solution and by nothing else, and the commands a student types do what they say.

use crate::harness::{Rlab, host, need, tell};
use crate::registry::run;
use crate::skip;
use crate::vm::machines::share_kernels;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

mod by_hand;
mod walk;

/// All labs one after another, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(1500);

/// The labs' folders, in order.
fn labs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("labs");
    let mut labs: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    labs.sort();
    labs
}

#[test]
fn every_lab_is_passed_by_its_solution_and_by_nothing_else() {
    need!(
        root(),
        programs(&["ip", "nft", "python3"], "apt install iproute2 nftables python3"),
        programs(&["qemu-system-x86_64", "mke2fs"], "apt install qemu-system-x86 e2fsprogs")
    );
    let _turn = host::alone();
    let rlab = Rlab::new();
    share_kernels(&rlab); // the guest's kernel is fetched once for all tests
    rlab.run(&["run", "--rm", "lab", "true"]).succeeded(); // packed once, as in a class
    // The first network namespace with a name brings the folder of all of them, mounted on itself, which stays.
    for act in ["add", "del"] {
        run(Command::new("ip").args(["netns", act, &format!("rlab-test-{}", std::process::id())]));
    }
    // Images and disks stay in its root, as after every run; what the kernel holds does not.
    let before = host::Inventory::take_without_files(&rlab.root());
    let output = rlab.start(&["lab", "prove"]).wait(PATIENCE);
    // The table is for the log of a run that passes, too.
    tell(&output.stdout);
    assert!(output.status.success(), "{}{}", output.stdout, output.stderr);
    let last = output.stdout.lines().last().unwrap();
    let all = labs().len();
    if !last.ends_with("not proven here: 0") {
        return skip::aloud(format!("some of {all} labs can't be tried here: {last}"));
    }
    assert_eq!(last, format!("labs proven: {all}; wrong: 0; not proven here: 0"));
    before.assert_restored();
}

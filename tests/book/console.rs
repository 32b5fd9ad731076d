//! Each block of the README, the book and the labs is run, and what it says is compared with the snapshot that the page is
//! made from. `INSTA_UPDATE=always cargo test book::console`, as root, accepts what is said now.
//!
//! Each block has an rlab of its own, in which the `lab` image is packed, and a machine that is always the same: a network
//! namespace and a host name of its own, the root of every cgroup hierarchy, one capability less.

use super::{Block, ROOT, blocks, files};
use crate::harness::host::{Inventory, Turn, alone};
use crate::harness::need::{Need, programs, root};
use crate::harness::{Rlab, Running, tell};
use crate::vm::machines::{Machines, share_kernels};
use crate::vm::story::has_debians_kernel;
use crate::{explain, nginx, readme, skip};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// A machine that QEMU emulates takes its time.
const PATIENCE_OF_MACHINES: Duration = Duration::from_secs(300);
/// Stands before each command's output, and in no output.
const MARK: char = '\u{1e}';
/// What the machine that checks everything cannot have: these may be absent even where nothing may be skipped.
const EXCUSED: [&str; 1] = ["docker"];

/// A network namespace is new: its loopback is down, and its settings may be those of the host.
const OWN_NETWORK: &str =
    "ip link set lo up; echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv4/conf/all/route_localnet";

#[test]
fn every_block_shows_what_rlab_says() {
    let rlab = Rlab::new();
    let blocks = blocks(&rlab);
    let ways: BTreeMap<&str, &Block> = blocks.iter().map(|block| (block.slug.as_str(), block)).collect();
    let (mut failed, mut unchecked) = (BTreeSet::new(), BTreeSet::new());
    let bench = Bench::new(rlab, &blocks);
    for (slug, block) in &ways {
        match absent(block).or_else(|| bench.no_machine.clone().filter(|_| is_of_a_machine(block))) {
            Some(reason) => {
                let because = format!("not checked here: {}: {}: {reason}", block.place, block.typed());
                let excused = block.needs.iter().any(|need| EXCUSED.contains(&need.as_str()));
                if excused {
                    tell(&because)
                } else {
                    skip::aloud(because)
                }
                unchecked.insert(*slug);
            }
            None => {
                // All of them are run, so that one run shows all that differs.
                if catch_unwind(AssertUnwindSafe(|| bench.check(block))).is_err() {
                    failed.insert(block.place.clone());
                }
            }
        }
    }
    bench.left_nothing();
    // Its failure is told below, after those of the pages.
    let readme = catch_unwind(readme::check);
    let told = readme.is_ok();
    let readme = readme.unwrap_or_default();
    let checked = blocks.iter().filter(|block| !unchecked.contains(block.slug.as_str())).count();
    let (all, checked) = (blocks.len() + readme.blocks, checked + readme.checked);
    tell(&format!("console blocks: {all}, checks: {checked}, not checked here: {}", all - checked));
    assert!(failed.is_empty(), "{} places say something else now, the first of each kind: {failed:#?}", failed.len());
    assert!(told, "the README says something else now, see above");
    // Whatever is not checked was told above, one by one, and is a failure where nothing may be skipped.
    assert!(blocks.len() > 100 && readme.blocks > 0, "most blocks are not found: {all}");
    assert!(all == checked || !unchecked.is_empty() || root().is_err(), "{all} blocks, {checked} checks");
}

#[test]
fn every_snapshot_is_of_a_block() {
    let slugs: BTreeSet<String> = blocks(&Rlab::new()).into_iter().map(|block| block.slug).collect();
    let folder = Path::new(ROOT).join("book/transcripts");
    let name = |path: &std::path::PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let kept: BTreeSet<String> = files(&folder, ".snap").iter().map(name).collect();
    let unused: Vec<_> = kept.difference(&slugs).collect();
    assert!(unused.is_empty(), "no page shows these any more, take them away: {unused:#?}");
    let missing: Vec<_> = slugs.difference(&kept).collect();
    assert!(missing.is_empty(), "pages show these, and they were never made: {missing:#?}");
    let pending = files(&folder, ".snap.new");
    assert!(pending.is_empty(), "left by a run that differed: {pending:#?}");
}

/// Why a block cannot be run here.
fn absent(block: &Block) -> Option<String> {
    let root: Need = if block.needs.iter().any(|need| need == "root") { root() } else { Ok(()) };
    let tools = if root.is_ok() && block.commands.iter().any(|(as_root, _)| *as_root) {
        programs(&["ip", "nft"], "apt install iproute2 nftables")
    } else {
        Ok(())
    };
    let host = block.lacks.first().map_or(Ok(()), |lack| Err(lack.clone()));
    root.and(tools).and(host).err()
}

fn is_of_a_machine(block: &Block) -> bool {
    block.needs.iter().any(|need| need == "qemu")
}

/// Fetches what a machine starts with. Why there is no machine that says what the pages say, if there is none: another
/// kernel logs other lines, and has other drivers built in.
fn without_machine(rlab: &Rlab) -> Option<String> {
    let tools = programs(&["qemu-system-x86_64"], "apt install qemu-system-x86");
    if let Err(reason) = tools.and(programs(&["mke2fs", "debugfs"], "apt install e2fsprogs")) {
        return Some(reason);
    }
    share_kernels(rlab);
    let output = rlab.run(&Machines::arguments(&[], &["true"]));
    if output.stderr.contains("none can be fetched") {
        return Some(format!("there is no kernel for a machine here: {}", output.stderr.trim()));
    }
    output.succeeded();
    (!has_debians_kernel(rlab)).then(|| "the pages are of Debian 12's cloud kernel, and here is another".to_owned())
}

/// Where blocks are run: an rlab that has its images, of which each gets a copy, and the host as it was before.
struct Bench {
    warm: Rlab,
    no_machine: Option<String>,
    before: Option<Inventory>,
    _turn: Turn,
}

impl Bench {
    fn new(warm: Rlab, blocks: &[Block]) -> Bench {
        let turn = alone();
        let mut no_machine = None;
        let before =
            root().and(programs(&["ip", "nft"], "")).ok().map(|()| Inventory::take(&[&warm.folder().join("runs")]));
        if before.is_some() {
            warm.run(&["run", "--rm", "lab", "true"]).succeeded();
            if blocks.iter().any(|block| block.needs.iter().any(|need| need == "nginx")) {
                nginx::into(&warm).unwrap();
            }
            if blocks.iter().any(is_of_a_machine) {
                no_machine = without_machine(&warm);
            }
        }
        Bench { warm, no_machine, before, _turn: turn }
    }

    /// Runs a block and compares.
    fn check(&self, block: &Block) {
        let transcript = self.run(block);
        let mut settings = explain::masked();
        settings.set_omit_expression(true);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_snapshot_path(Path::new(ROOT).join("book/transcripts"));
        settings.set_description(block.typed());
        settings.bind(|| insta::assert_snapshot!(block.slug.as_str(), transcript));
    }

    /// What a block's commands say, each below what is typed.
    fn run(&self, block: &Block) -> String {
        let own = Rlab::new();
        if self.before.is_some() {
            // Whole copies: a block may spoil its image to show what happens then.
            let copied = Command::new("cp").arg("-a").args([self.warm.root(), own.root()]).status().unwrap();
            assert!(copied.success());
        }
        let patience = if is_of_a_machine(block) { PATIENCE_OF_MACHINES } else { PATIENCE };
        let output = Running::start(&mut settled(&own, &script(block), block.in_checkout)).wait(patience);
        // Where it is kept is another place each time.
        let stdout = output.stdout.replace(&*own.folder().to_string_lossy(), "/tmp/rlab");
        let said: Vec<&str> = stdout.split(MARK).skip(1).collect();
        assert_eq!(said.len(), block.commands.len(), "{}: a command was not run\n{output}", block.place);
        let mut transcript = String::new();
        for ((as_root, text), said) in block.commands.iter().zip(said) {
            let said = said.trim_end();
            transcript += &format!(
                "{} {text}\n{said}{}",
                if *as_root { '#' } else { '$' },
                if said.is_empty() { "" } else { "\n" }
            );
        }
        transcript
    }

    fn left_nothing(&self) {
        self.before.iter().for_each(Inventory::assert_restored);
    }
}

/// The commands for a shell, each after a mark. What is typed by an ordinary user is run as one.
fn script(block: &Block) -> String {
    let is_root = root().is_ok();
    let command = |(as_root, text): &(bool, String)| {
        let quoted = text.replace('\'', r"'\''");
        let as_user = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all";
        let run = if *as_root || !is_root { text.clone() } else { format!("{as_user} sh -c '{quoted}'") };
        format!("printf '\\036'\n{run}\n")
    };
    format!("exec 2>&1\n{}", block.commands.iter().map(command).collect::<String>())
}

/// A shell on a machine that is always the same, with `rlab` on its PATH.
fn settled(own: &Rlab, script: &str, in_checkout: bool) -> Command {
    let bin = own.folder().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rlab"), bin.join("rlab")).unwrap();
    let work = own.folder().join("work");
    std::fs::create_dir(&work).unwrap();
    let template = own.command(&[]);
    let mut command = if root().is_ok() { Command::new("unshare") } else { Command::new("sh") };
    if root().is_ok() {
        let alone = format!("{OWN_NETWORK}{}", explain::SETTLED);
        command.args(["--uts", "--net", "sh", "-ec", &alone, "sh", "sh"]);
    }
    command.args(["-c", script]).env_clear().envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}:/usr/sbin:/sbin", bin.display()));
    command.current_dir(if in_checkout { Path::new(ROOT) } else { &work }).stdin(Stdio::null());
    command
}

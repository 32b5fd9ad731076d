//! Labs 3 and 11 as a student walks through them: the page in a browser, the commands in a terminal.

use crate::book::served;
use crate::harness::browser::{Browser, there};
use crate::harness::terminal::Terminal;
use crate::harness::{Rlab, host, need};
use crate::skip;
use crate::vm::machines::share_kernels;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A lab's slowest step, a comparison, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// A student's shell, in a terminal of 80 columns.
struct Desk {
    terminal: Terminal,
    folder: PathBuf,
}

impl Desk {
    fn new(rlab: &Rlab, lab: &str) -> Desk {
        let bin = rlab.folder().join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let _there = std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rlab"), bin.join("rlab"));
        let like_rlab = rlab.command(&[]);
        let mut shell = Command::new("sh");
        shell.env_clear().envs(like_rlab.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let path = std::env::var("PATH").unwrap();
        shell.env("PATH", format!("{}:{path}:/usr/sbin:/sbin", bin.display())).env("PS1", "desk# ");
        shell.current_dir(rlab.folder());
        let terminal = Terminal::start(shell, 80, 24);
        terminal.wait_for("desk# ", PATIENCE);
        Desk { terminal, folder: rlab.home().join("rlab-labs").join(lab) }
    }

    /// Types a line, and waits for its prompt after what is expected.
    fn types(&mut self, line: &str, expected: &str) {
        self.terminal.type_in(&format!("{line}\r"));
        self.terminal.wait_for(expected, PATIENCE);
        self.terminal.wait_for("desk# ", PATIENCE);
    }

    fn answers(&self) -> String {
        std::fs::read_to_string(self.folder.join("answers.toml")).unwrap()
    }

    /// Fills in every prediction without much thought: the last answer that its question offers, or some number.
    fn guesses(&self) {
        let (mut filled, mut question) = (String::new(), String::new());
        let text = self.answers();
        let (predict, saw) = text.split_once("\n[saw]").unwrap_or((&text, ""));
        for line in predict.lines() {
            match line.strip_suffix(" = \"\"") {
                Some(name) => {
                    let offered = question.trim_end_matches(')').rsplit(['(', ' ']).next().unwrap();
                    let answer = if offered == "number" { "7" } else { offered };
                    filled += &format!("{name} = \"{answer}\"\n");
                }
                None => filled += &format!("{line}\n"),
            }
            question = if line.starts_with('#') { question + line } else { String::new() };
        }
        std::fs::write(self.folder.join("answers.toml"), format!("{filled}\n[saw]{saw}")).unwrap();
    }
}

/// Reads a lab's page in the book: its task, and the commands that the terminal is then given. From the list of labs, by
/// its link, as a student comes there.
fn read_the_page(rlab: &Rlab, number: &str, lab: &str) {
    let (_running, port) = served(rlab);
    let browser = Browser::open(1280, 900).unwrap();
    browser.go(&format!("http://localhost:{port}/labs/index.html"));
    let link = format!("document.querySelector('main a[href$=\"{lab}.html\"]')");
    browser.run(&format!("{link}.click()"));
    browser.run_until(&format!(
        "return location.pathname.endsWith('/labs/{lab}.html') && document.readyState === 'complete'"
    ));
    let text = browser.run("return document.querySelector('main').innerText");
    let text = text.as_str().unwrap();
    for typed in [format!("rlab lab start {number}"), format!("rlab lab check {number}"), "answers.toml".to_owned()] {
        assert!(text.contains(&typed), "the page of lab {number} does not say `{typed}`:\n{text}");
    }
    assert!(!text.contains("{{"), "a place is left open:\n{text}");
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Begins, predicts badly, sees that marked, gets a hint, then has the solution laid out and passes.
fn walk(number: &str, lab: &str, steps: bool) {
    let _turn = host::alone();
    let rlab = Rlab::new();
    match there() {
        Ok(()) => read_the_page(&rlab, number, lab),
        Err(reason) => skip::aloud(format!("the page is not read: {reason}")),
    }
    share_kernels(&rlab);
    let before = host::Inventory::take_without_files(&rlab.root());
    let mut desk = Desk::new(&rlab, lab);
    desk.types("rlab run --rm lab true", ""); // packs the image, before anything is timed
    desk.types(&format!("rlab lab start {number}"), "read TASK.md; predict first, in answers.toml");
    desk.types(&format!("rlab lab check {number}"), "Predict first: nothing has been run yet.");
    desk.guesses();
    desk.types(&format!("rlab lab check {number}"), "more help: rlab lab hint");
    desk.types(&format!("rlab lab hint {number}"), "hint 1 of");
    desk.types(&format!("rlab lab solve {number}"), "the solution of lab");
    desk.types(&format!("cd {}", desk.folder.display()), "");
    if steps {
        desk.types("sh -eu steps.sh && echo steps done", "\r\nsteps done");
    }
    desk.types(&format!("rlab lab check {number}"), "points: done");
    desk.types("rlab lab report", "solution");
    assert!(desk.answers().contains("[predict]"));
    let screen = desk.terminal.text();
    // Commands are there to be copied, a path is as long as it is, and the prompt's own line is as long as what was typed.
    let long = screen.lines().filter(|line| {
        line.chars().count() > 80
            && !line.contains("/rlab-labs/")
            && !line.contains("look   ")
            && !line.contains("desk# ")
    });
    assert_eq!(long.collect::<Vec<_>>(), Vec::<&str>::new());
    drop(desk);
    before.assert_restored();
}

#[test]
fn lab_3_from_the_start_to_full_marks() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    walk("3", "03-namespaces", false);
}

#[test]
fn lab_11_from_the_start_to_full_marks() {
    need!(
        root(),
        programs(&["ip", "nft"], "apt install iproute2 nftables"),
        programs(&["qemu-system-x86_64", "mke2fs"], "apt install qemu-system-x86 e2fsprogs")
    );
    walk("11", "11-measured", true);
}

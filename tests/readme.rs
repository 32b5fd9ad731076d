//! What the README shows is what rlab says: each console block is run and compared.

use crate::harness::Rlab;
use crate::harness::need::root;
use crate::skip;

/// A console block: the command after `# `, and what follows it. A line `…` stands for anything in between.
struct Block {
    command: String,
    shown: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let fenced = text.split("```console\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let read = |block: &str| {
        let (command, shown) = block.split_once('\n').unwrap_or((block, ""));
        Block { command: command.trim_start_matches("# ").to_owned(), shown: shown.to_owned() }
    };
    fenced.map(read).collect()
}

/// The first piece of what is shown that does not follow in what was said.
fn missing<'a>(shown: &'a str, said: &str) -> Option<&'a str> {
    let mut rest = said;
    for piece in shown.split('…').map(str::trim).filter(|piece| !piece.is_empty()) {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return Some(piece),
        }
    }
    None
}

#[test]
fn a_piece_that_is_not_said_is_found() {
    assert_eq!(missing("a\n…\nc", "a\nb\nc\n"), None);
    assert_eq!(missing("a\n…\nd", "a\nb\nc\n"), Some("d"));
    assert_eq!(missing("c\n…\na", "a\nb\nc\n"), Some("a"));
}

/// How many blocks the README has, and how many of them were compared.
#[derive(Default)]
pub struct Counted {
    pub blocks: usize,
    pub checked: usize,
}

/// Runs and compares every block, in the turn that the caller has: another container on the host would have made some of
/// what this one shares with it, and there would be fewer calls. Called by the test of all blocks, see `book/console.rs`.
pub fn check() -> Counted {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks = blocks(&readme);
    let unchecked = Counted { blocks: blocks.len(), checked: 0 };
    let reason = match root() {
        Err(reason) => Some(reason),
        // How many calls a stage makes depends on how the host's control groups are laid out.
        Ok(()) if !std::path::Path::new("/sys/fs/cgroup/unified").exists() => {
            Some("it was written on a host with hybrid control groups, and this is another".to_owned())
        }
        Ok(()) => None,
    };
    if let Some(reason) = reason {
        skip::aloud(format!("not checked here: README.md: {reason}"));
        return unchecked;
    }
    let rlab = Rlab::new();
    rlab.run(&["run", "--rm", "lab", "true"]).succeeded(); // the image is there from now on, as in a second run
    for block in &blocks {
        let args: Vec<&str> = block.command.split_whitespace().skip(1).collect();
        let output = rlab.run(&args);
        let said = format!("{}{}", output.stderr, output.stdout);
        assert_eq!(missing(&block.shown, &said), None, "README, `{}` says:\n{said}", block.command);
    }
    Counted { blocks: blocks.len(), checked: blocks.len() }
}

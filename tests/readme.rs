//! What the README shows is what rlab says: each console block is run and compared.

use crate::harness::{Rlab, host, need};
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

#[test]
fn the_readme_shows_what_rlab_says() {
    need!(root());
    // How many calls a stage makes depends on how the host's control groups are laid out.
    if !std::path::Path::new("/sys/fs/cgroup/unified").exists() {
        return skip::aloud("the README was written on a host with hybrid control groups, and this is another");
    }
    // Another container on the host would have made some of what this one shares with it: fewer calls.
    let _turn = host::alone();
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks = blocks(&readme);
    assert_eq!(blocks.len(), 2, "the README has two console blocks");
    let rlab = Rlab::new();
    rlab.run(&["run", "--rm", "lab", "true"]).succeeded(); // the image is there from now on, as in a second run
    for block in blocks {
        let args: Vec<&str> = block.command.split_whitespace().skip(1).collect();
        let output = rlab.run(&args);
        let said = format!("{}{}", output.stderr, output.stdout);
        assert_eq!(missing(&block.shown, &said), None, "README, `{}` says:\n{said}", block.command);
    }
}

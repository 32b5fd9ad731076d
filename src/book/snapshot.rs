//! What a command said when the test ran it last: insta's files, read back.

use super::block::Block;
use super::sources::Sources;

/// Where they are, from the repository's root.
pub const FOLDER: &str = "book/transcripts";

/// The path of a block's snapshot.
pub fn path(block: &Block) -> String {
    format!("{FOLDER}/{}.snap", block.slug())
}

/// A command of a block, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// As it was typed, with its prompt.
    pub typed: String,
    /// Line by line.
    pub lines: Vec<String>,
}

/// What a block's commands said.
///
/// # Errors
/// What is wrong with the snapshot, and the next step.
pub fn read(block: &Block, sources: &Sources) -> Result<Vec<Said>, (String, String)> {
    let path = path(block);
    let next = "run `INSTA_UPDATE=always cargo test book::console` as root, and read what came".to_owned();
    let Some(text) = sources.text(&path) else { return Err((format!("{path} is not there"), next)) };
    let Some(transcript) = content(&text) else { return Err((format!("{path} is no snapshot"), next)) };
    split(transcript, block).ok_or_else(|| (format!("{path} is of other commands"), next))
}

/// What follows the head of a snapshot file.
fn content(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("---\n")?;
    Some(rest.split_once("\n---\n")?.1)
}

/// Cuts a transcript at its commands.
fn split(transcript: &str, block: &Block) -> Option<Vec<Said>> {
    let mut rest = transcript.trim_end_matches('\n');
    let mut found: Vec<Said> = vec![];
    for (at, command) in block.commands.iter().enumerate() {
        let typed = command.typed();
        let after = rest.strip_prefix(typed.as_str())?;
        let after = after.strip_prefix('\n').or(after.is_empty().then_some(""))?;
        let end = match block.commands.get(at + 1) {
            None => after.len(),
            Some(next) if after.starts_with(&next.typed()) => 0,
            Some(next) => after.find(&format!("\n{}", next.typed()))? + 1,
        };
        found.push(Said { typed, lines: after[..end].lines().map(str::to_owned).collect() });
        rest = &after[end..];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_cut_at_its_commands() {
        let block = Block::parse("p.md", 1, "console", &["# one", "$ two \\", "  more", "# three"]).unwrap().unwrap();
        let text = "---\nsource: x\ndescription: y\n---\n# one\na\n\nb\n$ two \\\n  more\n# three\nc\n";
        let said = split(content(text).unwrap(), &block).unwrap();
        assert_eq!(said[0], Said { typed: "# one".into(), lines: vec!["a".into(), String::new(), "b".into()] });
        assert_eq!(said[1], Said { typed: "$ two \\\n  more".into(), lines: vec![] });
        assert_eq!(said[2].lines, ["c"]);
        assert_eq!(split("# other\n", &block), None);
    }
}

//! Console and player blocks: which commands a page shows the output of, what they take, and which part is shown.

use super::fence::{Piece, pieces};
use super::sources::Sources;
use super::{Fault, host, labs};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// How a page shows what commands said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As on a terminal.
    Console,
    /// As a trace to be played step by step.
    Player,
}

/// A command of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// Whether root types it: `#`, not `$`.
    pub as_root: bool,
    /// What is typed, over as many lines as it has.
    pub text: String,
}

impl Typed {
    /// With its prompt.
    pub fn typed(&self) -> String {
        format!("{} {}", if self.as_root { '#' } else { '$' }, self.text)
    }
}

/// Which part of the output is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Only these stages of a story.
    pub stages: Vec<String>,
    /// Only so many lines.
    pub head: Option<usize>,
    /// Only lines that have this in them.
    pub grep: Option<String>,
}

/// A block whose output is made by running its commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The page's file, from the repository's root.
    pub page: String,
    /// The line of its fence, from one.
    pub line: usize,
    /// How it is shown.
    pub kind: Kind,
    /// What is run, in order, in one shell.
    pub commands: Vec<Typed>,
    /// What is shown of it.
    pub part: Part,
    /// What running it takes, by name.
    pub needs: Vec<String>,
    /// Whether it is run in the checkout, for files of the book's own; else in an empty folder.
    pub in_checkout: bool,
}

/// Blocks that stay as they are. The list is closed, so that a misspelt `console` is no block of code.
const LANGUAGES: [&str; 10] = ["text", "sh", "bash", "python", "c", "rust", "toml", "json", "html", "md"];

/// The longest name of a snapshot, without its end.
const LONGEST: usize = 60;

impl Block {
    /// Reads a fenced block; nothing when it is of another sort.
    ///
    /// # Errors
    /// What is wrong with it, and the next step.
    pub fn parse(page: &str, line: usize, info: &str, lines: &[&str]) -> Result<Option<Block>, (String, String)> {
        let mut attributes = attributes(info).into_iter();
        let kind = match attributes.next().as_deref() {
            Some("console") => Kind::Console,
            Some("player") => Kind::Player,
            Some(language) if LANGUAGES.contains(&language) => return Ok(None),
            _ => {
                let next = format!("console, player, or one of {}", LANGUAGES.join(", "));
                return Err((format!("nobody knows a block of the sort `{info}`"), next));
            }
        };
        let commands = commands(lines)?;
        let needs = implied(&commands);
        let (page, part) = (page.to_owned(), Part::default());
        let mut block = Block { page, line, kind, commands, part, needs, in_checkout: false };
        if block.commands.is_empty() {
            return Err(("the block has no command".to_owned(), "write one: `# rlab run --rm lab id`".to_owned()));
        }
        for attribute in attributes {
            let (name, value) = attribute.split_once('=').unwrap_or((&attribute, ""));
            let list = || value.split('+').map(str::to_owned);
            match name {
                "stages" => block.part.stages.extend(list()),
                "head" => match value.parse() {
                    Ok(lines) => block.part.head = Some(lines),
                    Err(_) => return Err((format!("head={value} is no number"), "head=10 shows ten lines".to_owned())),
                },
                "grep" => block.part.grep = Some(value.to_owned()),
                "needs" => block.needs.extend(list()),
                "cwd" if value == "repository" => block.in_checkout = true,
                other => {
                    let next = "a block has stages=, head=, grep=, needs= and cwd=repository".to_owned();
                    return Err((format!("a block has no attribute `{other}`"), next));
                }
            }
        }
        if block.kind == Kind::Player && block.part != Part::default() {
            let next = "leave stages=, head= and grep= out".to_owned();
            return Err(("a player shows the whole run".to_owned(), next));
        }
        if let Some(unknown) = block.needs.iter().find(|need| !host::is_known(need)) {
            return Err((format!("nobody knows whether `{unknown}` is there"), format!("one of {}", host::known())));
        }
        let mut seen = std::collections::BTreeSet::new();
        block.needs.retain(|need| seen.insert(need.clone()));
        Ok(Some(block))
    }

    /// The name of its snapshot: the same commands, the same name.
    pub fn slug(&self) -> String {
        let mut all: Vec<String> = self.commands.iter().map(Typed::typed).collect();
        if self.in_checkout {
            all.push("$ cd repository".to_owned());
        }
        let first = all.join(" ");
        let first = first.trim_start_matches(['#', '$', ' ']).trim_start_matches("rlab ");
        let words: Vec<String> = first
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        let name = words.join("-");
        if name.len() <= LONGEST && is_told_by(&all, &name) {
            return name;
        }
        let digest = Sha256::digest(all.join("\n").as_bytes());
        let hash: String = digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
        let cut: String = name.chars().take(LONGEST).collect();
        format!("{}-{hash}", cut.trim_end_matches('-'))
    }

    /// What this host lacks of what it needs, in words.
    pub fn lacks(&self) -> Vec<String> {
        self.needs.iter().filter_map(|need| host::lacks(need)).collect()
    }
}

/// Whether a name tells all of these commands: one of rlab's, of plain words and long flags.
fn is_told_by(all: &[String], name: &str) -> bool {
    let letters = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_lowercase());
    let flag = |text: &str| text.starts_with("--") && text[2..].split(['-', '=']).all(letters);
    let [one] = all else { return false };
    one.strip_prefix("# rlab ")
        .is_some_and(|rest| !name.is_empty() && rest.split(' ').all(|word| letters(word) || flag(word)))
}

/// The words of a block's head, cut at commas outside of quotes.
fn attributes(info: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut quoted = false;
    for letter in info.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => found.push(String::new()),
            ' ' if !quoted => {}
            other => found.last_mut().into_iter().for_each(|last| last.push(other)),
        }
    }
    found
}

/// Each line a command; one that ends with a backslash goes on in the next line.
fn commands(lines: &[&str]) -> Result<Vec<Typed>, (String, String)> {
    let mut found: Vec<Typed> = vec![];
    for line in lines {
        let continued = found.last().is_some_and(|last: &Typed| last.text.ends_with('\\'));
        if let Some(last) = found.last_mut().filter(|_| continued) {
            last.text += &format!("\n{line}");
        } else if let Some(text) = line.strip_prefix("# ").or(line.strip_prefix("$ ")) {
            found.push(Typed { as_root: line.starts_with('#'), text: text.trim_end().to_owned() });
        } else if !line.trim().is_empty() {
            let next = "leave it out: output is put in from what the commands say".to_owned();
            return Err((format!("`{}` is no command: it starts with neither `# ` nor `$ `", line.trim()), next));
        }
    }
    Ok(found)
}

/// What the commands themselves say they need.
fn implied(commands: &[Typed]) -> Vec<String> {
    let mut needs = vec![];
    let any = |part: &str| commands.iter().any(|command| command.text.contains(part));
    if commands.iter().any(|command| command.as_root) {
        needs.push("root".to_owned());
    }
    // How many calls a stage makes depends on how the host's control groups are laid out.
    if any("rlab run") && any("--explain") {
        needs.push("hybrid".to_owned());
    }
    if any("rlab vm hello") {
        needs.push("kvm".to_owned());
    }
    if any("rlab vm run") {
        needs.push("qemu".to_owned());
    }
    needs
}

/// Every block of the book's pages and of the labs' tasks, and what is wrong with those that are none.
pub fn all(sources: &Sources) -> (Vec<Block>, Vec<Fault>) {
    let (mut blocks, mut faults) = (vec![], vec![]);
    let pages = sources.list("book/src").into_iter().filter(|path| path.ends_with(".md"));
    let pages = pages.filter_map(|path| Some((sources.text(&path)?, path)));
    let labs = labs::all(sources).unwrap_or_else(|what| {
        faults.push(labs::fault(what));
        vec![]
    });
    let tasks = labs.into_iter().map(|lab| (lab.task, lab.path));
    let mut of_slug: BTreeMap<String, Vec<Typed>> = BTreeMap::new();
    for (text, page) in pages.chain(tasks) {
        for piece in pieces(&text) {
            let Piece::Fence(fence) = piece else { continue };
            let lines: Vec<&str> = fence.lines.iter().map(String::as_str).collect();
            let parsed = Block::parse(&page, fence.line, &fence.info, &lines).and_then(|block| {
                let Some(block) = block else { return Ok(None) };
                let first = of_slug.entry(block.slug()).or_insert_with(|| block.commands.clone());
                if *first == block.commands {
                    return Ok(Some(block));
                }
                let next = "write one of them another way".to_owned();
                Err((format!("other commands have a snapshot of the same name, {}", block.slug()), next))
            });
            match parsed {
                Ok(block) => blocks.extend(block),
                Err((what, next)) => faults.push(Fault { page: page.clone(), line: fence.line, what, next }),
            }
        }
    }
    (blocks, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(info: &str, lines: &[&str]) -> Block {
        Block::parse("p.md", 1, info, lines).unwrap().unwrap()
    }

    #[test]
    fn a_blocks_head_says_what_is_shown() {
        let block = parse(r#"console,stages=exec+wait, grep="a, b",needs=kvm+qemu"#, &["# rlab run --explain lab id"]);
        assert_eq!(block.part.stages, ["exec", "wait"]);
        assert_eq!(block.part.grep.as_deref(), Some("a, b"));
        assert_eq!(block.needs, ["root", "hybrid", "kvm", "qemu"]);
        assert_eq!(Block::parse("p.md", 1, "sh", &["ls"]), Ok(None));
    }

    #[test]
    fn output_by_hand_is_refused() {
        for (info, lines) in
            [("console", &["# id", "uid=0(root)"][..]), ("console", &[]), ("console,tail=3", &["# id"])]
        {
            assert!(Block::parse("p.md", 1, info, lines).is_err(), "{info} {lines:?}");
        }
        assert!(Block::parse("p.md", 1, "console,needs=luck", &["# id"]).is_err());
    }

    #[test]
    fn a_slug_is_readable_and_of_these_commands_alone() {
        assert_eq!(
            parse("console", &["# rlab run --rm --stable --explain lab id"]).slug(),
            "run-rm-stable-explain-lab-id"
        );
        let slugs = [
            &["# rlab run lab id"][..],
            &["# rlab run lab", "# id"],
            &["$ rlab run lab id"],
            &["# rlab run lab i/d"],
            &["# rlab run la b id"],
            &["# rlab run -lab id"],
            &["# rlab run lab-id"],
            &["# run lab id"],
        ]
        .map(|lines| parse("console", lines).slug());
        let distinct: std::collections::BTreeSet<_> = slugs.iter().collect();
        assert_eq!(distinct.len(), slugs.len(), "{slugs:?}");
        let long = format!("# rlab run {}", "abc ".repeat(40));
        assert!(parse("console", &[&long]).slug().len() < 70);
    }
}

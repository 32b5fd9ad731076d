//! A page cut into what is prose, what is a fenced block, and what is a directive of ours.

/// A piece of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Lines that stay as they are.
    Prose {
        /// The first of them, from one.
        line: usize,
        /// All of them.
        text: String,
    },
    /// A fenced block.
    Fence(Fence),
    /// A line that is a directive: `{{#name arguments}}`.
    Directive {
        /// Its line, from one.
        line: usize,
        /// What it is indented by.
        indent: String,
        /// Its name.
        name: String,
        /// What follows the name.
        arguments: String,
    },
}

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The line of its first fence, from one.
    pub line: usize,
    /// What it is indented by.
    pub indent: String,
    /// What follows the fence.
    pub info: String,
    /// Its lines, without the indent.
    pub lines: Vec<String>,
    /// As it stands in the page.
    pub whole: String,
}

/// Cuts a page into pieces. A directive is one only outside fenced blocks and on a line of its own.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut found = vec![];
    let (mut prose, mut prose_from) = (String::new(), 1);
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let indent: String = line.chars().take_while(|letter| *letter == ' ').collect();
        let rest = line.trim();
        let piece = if let Some((mark, info)) = opening(rest) {
            let mut fence =
                Fence { line: at + 1, indent: indent.clone(), info, lines: vec![], whole: format!("{line}\n") };
            for (_, inner) in lines.by_ref() {
                fence.whole += &format!("{inner}\n");
                if inner.trim().starts_with(mark) && inner.trim().chars().all(|letter| mark.starts_with(letter)) {
                    break;
                }
                fence.lines.push(inner.strip_prefix(indent.as_str()).unwrap_or(inner.trim_start()).to_owned());
            }
            Piece::Fence(fence)
        } else if let Some(inside) = rest.strip_prefix("{{#").and_then(|rest| rest.strip_suffix("}}")) {
            let (name, arguments) = inside.split_once(' ').unwrap_or((inside, ""));
            let (name, arguments) = (name.to_owned(), arguments.trim().to_owned());
            Piece::Directive { line: at + 1, indent, name, arguments }
        } else {
            if prose.is_empty() {
                prose_from = at + 1;
            }
            prose += &format!("{line}\n");
            continue;
        };
        if !prose.is_empty() {
            found.push(Piece::Prose { line: prose_from, text: std::mem::take(&mut prose) });
        }
        found.push(piece);
    }
    if !prose.is_empty() {
        found.push(Piece::Prose { line: prose_from, text: prose });
    }
    found
}

/// The fence that a line opens with, and what follows it.
fn opening(line: &str) -> Option<(&str, String)> {
    let first = line.chars().next().filter(|letter| matches!(letter, '`' | '~'))?;
    let length = line.chars().take_while(|letter| *letter == first).count();
    let (mark, info) = line.split_at(length);
    // Backticks in what follows: code inside a sentence, not a fence.
    (length >= 3 && !info.contains('`')).then(|| (mark, info.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_where_something_is_to_be_put_in() {
        let page =
            "a\n```console\n# id\n```\n{{#stage exec}}\nb `{{#stage x}}`\n  ````md\n  ```\n  {{#lab 1}}\n  ````\n";
        let found = pieces(page);
        assert_eq!(found.len(), 5);
        assert_eq!(found[0], Piece::Prose { line: 1, text: "a\n".to_owned() });
        let Piece::Fence(console) = &found[1] else { panic!("{found:?}") };
        assert_eq!((console.line, console.info.as_str(), console.lines.join("")), (2, "console", "# id".to_owned()));
        let (name, arguments) = ("stage".to_owned(), "exec".to_owned());
        assert_eq!(found[2], Piece::Directive { line: 5, indent: String::new(), name, arguments });
        assert_eq!(found[3], Piece::Prose { line: 6, text: "b `{{#stage x}}`\n".to_owned() });
        let Piece::Fence(quoted) = &found[4] else { panic!("{found:?}") };
        assert_eq!((quoted.line, quoted.lines.join("|")), (7, "```|{{#lab 1}}".to_owned()));
        let whole: String =
            found.iter().map(|piece| if let Piece::Fence(fence) = piece { &fence.whole } else { "" }).collect();
        assert!(page.contains("```console\n# id\n```\n") && whole.ends_with("  ````\n"));
    }
}

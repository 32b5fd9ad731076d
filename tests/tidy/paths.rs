//! Finds the paths that a file names, in `use` declarations and in expressions, as they read from the crate's root.

use super::source::Source;

/// A word or a mark of the code, and its line.
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// A path that code names.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// The line it is on, from one.
    pub line: usize,
    /// Its parts. `crate` and `super` are resolved: a path of our own begins with `crate` and then a module.
    pub parts: Vec<String>,
}

impl Named {
    /// The module of ours that this path goes into.
    pub fn own_module(&self) -> Option<&str> {
        (self.parts.first()? == "crate").then_some(self.parts.get(1)?)
    }
}

/// A function, and the lines it spans.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its `fn`.
    pub line: usize,
    /// How many lines it has, its signature among them.
    pub lines: usize,
}

/// Every path that a file names.
pub fn named(source: &Source) -> Vec<Named> {
    let tokens = tokens(&source.code);
    let mut found = vec![];
    let mut modules: Vec<usize> = vec![];
    let mut depth = 0;
    let mut at = 0;
    while at < tokens.len() {
        let next = |step: usize| tokens.get(at + step).map_or("", |token| token.text);
        match tokens[at].text {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                modules.retain(|inside| *inside <= depth);
            }
            "mod" if next(2) == "{" => modules.push(depth + 1),
            _ => {}
        }
        if tokens[at].text == "use" && next(1) != "<" {
            let end = (at..tokens.len()).find(|i| tokens[*i].text == ";").unwrap_or(tokens.len());
            tree(&tokens[at + 1..end], &[], &mut found, (source, modules.len()));
            at = end;
        } else if is_word(tokens[at].text) && (at == 0 || !matches!(tokens[at - 1].text, "::" | ".")) {
            let (parts, used) = chain(&tokens[at..]);
            if parts.len() > 1 {
                found.push(Named { line: tokens[at].line, parts: absolute(parts, source, modules.len()) });
            }
            at += used;
        } else {
            at += 1;
        }
    }
    found
}

/// Every function with a body.
pub fn functions(source: &Source) -> Vec<Function> {
    let tokens = tokens(&source.code);
    let mut found = vec![];
    for (at, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(at + 1).filter(|name| token.text == "fn" && is_word(name.text)) else { continue };
        let (mut round, mut curly) = (0, 0);
        for token in &tokens[at..] {
            match token.text {
                "(" | "[" => round += 1,
                ")" | "]" => round -= 1,
                "{" => curly += 1,
                "}" => curly -= 1,
                ";" if round == 0 && curly == 0 => break,
                _ => {}
            }
            if token.text == "}" && curly == 0 {
                let lines = token.line - tokens[at].line + 1;
                found.push(Function { name: name.text.to_owned(), line: tokens[at].line, lines });
                break;
            }
        }
    }
    found
}

/// Whether a keyword stands in the code, and on which lines.
pub fn lines_with(source: &Source, word: &str) -> Vec<usize> {
    tokens(&source.code).iter().filter(|token| token.text == word).map(|token| token.line).collect()
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = vec![];
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if first.is_alphanumeric() || first == '_' {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            found.push(Token { text: &rest[..length], line: number + 1 });
            rest = rest[length..].trim_start();
        }
    }
    found
}

/// Reads `a::b::c` at the start of the tokens; gives its parts and how many tokens they took.
fn chain(tokens: &[Token<'_>]) -> (Vec<String>, usize) {
    let mut parts = vec![tokens[0].text.to_owned()];
    let mut used = 1;
    while let (Some(colons), Some(word)) = (tokens.get(used), tokens.get(used + 1)) {
        if colons.text != "::" || !is_word(word.text) {
            break;
        }
        parts.push(word.text.to_owned());
        used += 2;
    }
    (parts, used)
}

/// Reads the tree of a `use` declaration and adds a path for each of its leaves.
fn tree(tokens: &[Token<'_>], before: &[String], found: &mut Vec<Named>, place: (&Source, usize)) {
    let mut at = 0;
    while at < tokens.len() {
        let mut path = before.to_vec();
        let line = tokens[at].line;
        let mut has_branches = false;
        while at < tokens.len() && tokens[at].text != "," {
            match tokens[at].text {
                "::" => {}
                "{" => {
                    let end = closing(tokens, at);
                    tree(&tokens[at + 1..end], &path, found, place);
                    has_branches = true;
                    at = end;
                }
                "as" => at += 1,
                word => path.push(word.to_owned()),
            }
            at += 1;
        }
        if !has_branches && !path.is_empty() {
            found.push(Named { line, parts: absolute(path, place.0, place.1) });
        }
        at += 1;
    }
}

fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// Spells out `super` and `self` from where the path stands: `inline` modules deep inside the file's own.
fn absolute(parts: Vec<String>, source: &Source, inline: usize) -> Vec<String> {
    let ups = parts.iter().take_while(|part| matches!(part.as_str(), "super" | "self")).count();
    if ups == 0 || !source.path.starts_with("src/") {
        return parts;
    }
    let supers = parts[..ups].iter().filter(|part| *part == "super").count();
    let module = source.module();
    let left = module.len().saturating_sub(supers.saturating_sub(inline));
    let mut whole = vec!["crate".to_owned()];
    whole.extend(module[..left].iter().map(|part| (*part).to_owned()));
    whole.extend_from_slice(&parts[ups..]);
    whole
}

//! One file of source, with what the compiler does not read blanked out.
//!
//! The rules are about code, so a path in a comment, a keyword in a string and a brace in a character must not count.
//! Blanks keep their place: a line of `code` is the same line of `text`.

use std::ops::RangeInclusive;
use std::path::Path;

/// A file of source.
pub struct Source {
    /// Its path from the repository's root, with `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
    /// The same, with comments and literals blanked out.
    pub code: String,
    /// The same, with everything but comments blanked out.
    pub comments: String,
    /// Whether the whole file is compiled for tests only.
    pub only_for_tests: bool,
    test_lines: Vec<RangeInclusive<usize>>,
}

impl Source {
    /// Reads `text` as the file at `path`.
    pub fn new(path: &str, text: &str) -> Self {
        let (code, comments) = split(text);
        let test_lines = test_modules(&code);
        let only_for_tests = path.starts_with("tests/");
        Self { path: path.to_owned(), text: text.to_owned(), code, comments, only_for_tests, test_lines }
    }

    /// Whether a line, counted from one, is compiled for tests only.
    pub fn is_test(&self, line: usize) -> bool {
        self.only_for_tests || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// The modules on the way to this file: `["runtime", "stage", "mounts"]`. Empty for the crate's roots.
    pub fn module(&self) -> Vec<&str> {
        let Some(inside) = self.path.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")) else {
            return vec![];
        };
        let mut parts: Vec<&str> = inside.split('/').collect();
        if matches!(parts.last(), Some(&"mod")) || matches!(parts[..], ["lib" | "main"]) {
            parts.pop();
        }
        parts
    }
}

/// Reads every source file below the given folders of the repository.
pub fn read_all(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = vec![];
    for folder in folders {
        walk(root, &root.join(folder), &mut sources);
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    mark_test_files(&mut sources);
    sources
}

fn walk(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            sources.push(Source::new(&name, &std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// A file is for tests when its parent declares it as `#[cfg(test)] mod name;`.
pub fn mark_test_files(sources: &mut [Source]) {
    let mut found = vec![];
    for source in sources.iter() {
        let module = source.module().join("/");
        for (place, _) in source.code.match_indices("#[cfg(test)]") {
            let rest = source.code[place + "#[cfg(test)]".len()..].trim_start();
            if let Some((name, _)) = rest.strip_prefix("mod ").and_then(|rest| rest.split_once(';')) {
                found.push(format!("src/{module}/{}", name.trim()).replace("//", "/"));
            }
        }
    }
    for source in sources {
        source.only_for_tests |= found
            .iter()
            .any(|stem| source.path == format!("{stem}.rs") || source.path.starts_with(&format!("{stem}/")));
    }
}

/// The lines of each `#[cfg(test)] mod name { … }`.
fn test_modules(code: &str) -> Vec<RangeInclusive<usize>> {
    let line_of = |place: usize| code[..place].matches('\n').count() + 1;
    let mut found = vec![];
    for (place, _) in code.match_indices("#[cfg(test)]") {
        let rest = &code[place..];
        let Some(open) = rest.find(['{', ';']).filter(|end| rest[*end..].starts_with('{')) else { continue };
        let mut depth = 0;
        for (offset, byte) in rest[open..].bytes().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                found.push(line_of(place)..=line_of(place + open + offset));
                break;
            }
        }
    }
    found
}

/// Splits a text into its code and its comments, each with blanks where the other was and where literals were, and with
/// every line break left where it is.
pub fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let blanks = |part: &[char]| part.iter().map(|c| if *c == '\n' { '\n' } else { ' ' }).collect::<String>();
    let mut at = 0;
    while at < chars.len() {
        let (end, is_comment) = match (chars[at], chars.get(at + 1)) {
            ('/', Some('/')) => (line_end(&chars, at), true),
            ('/', Some('*')) => (block_end(&chars, at), true),
            ('"', _) => (string_end(&chars, at + 1), false),
            ('r', Some('"' | '#')) if starts_word(&chars, at) => (raw_end(&chars, at + 1).unwrap_or(at), false),
            ('\'', Some(_)) => (char_end(&chars, at).unwrap_or(at), false),
            _ => (at, false),
        };
        let next = end.max(at + 1);
        let part = &chars[at..next];
        code.push_str(&if end == at { part.iter().collect() } else { blanks(part) });
        comments.push_str(&if is_comment { part.iter().collect() } else { blanks(part) });
        at = next;
    }
    (code, comments)
}

/// `r"…"` and `br"…"` begin a literal, the `r` of `bar` does not.
fn starts_word(chars: &[char], at: usize) -> bool {
    let before = if at > 0 && matches!(chars[at - 1], 'b' | 'c') { at.checked_sub(2) } else { at.checked_sub(1) };
    before.is_none_or(|before| !chars[before].is_alphanumeric() && chars[before] != '_')
}

fn line_end(chars: &[char], at: usize) -> usize {
    (at..chars.len()).find(|i| chars[*i] == '\n').unwrap_or(chars.len())
}

fn block_end(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// The end of a raw string whose hashes or quote begin at `at`; nothing when this is a raw name like `r#type`.
fn raw_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    let inside = at + hashes + 1;
    (chars.get(at + hashes) == Some(&'"')).then_some(())?;
    (inside..chars.len())
        .find(|i| chars[*i] == '"' && chars[i + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes)
        .map_or(Some(chars.len()), |quote| Some(quote + 1 + hashes))
}

/// The end of a character; nothing when this is a lifetime.
fn char_end(chars: &[char], at: usize) -> Option<usize> {
    match chars.get(at + 1)? {
        '\\' => (at + 3..chars.len()).find(|i| chars[*i] == '\'').map(|quote| quote + 1),
        _ => (chars.get(at + 2) == Some(&'\'')).then_some(at + 3),
    }
}

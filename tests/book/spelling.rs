//! Every word of the book and of the labs' tasks is in a dictionary: hunspell's, or `book/words.txt`.

use super::{ROOT, files};
use crate::harness::need;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The prose of a page: without blocks of code, code in sentences, addresses, elements and directives.
fn prose(page: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<String> = None;
    for line in page.lines() {
        let trimmed = line.trim_start();
        let ticks: String = trimmed.chars().take_while(|c| matches!(c, '`' | '~')).collect();
        match &fence {
            Some(open) if ticks.starts_with(open.as_str()) => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None if trimmed.starts_with("{{#") => {}
            None => out += &format!("{line}\n"),
        }
    }
    // Paragraph by paragraph: a mark that is not closed takes no more than that away.
    let paragraphs = out.split("\n\n").map(|paragraph| {
        let paragraph = without(paragraph, "`", "`");
        let paragraph = without(&paragraph, "<", ">");
        without(&paragraph, "](", ")") + "\n\n"
    });
    let out: String = paragraphs.collect();
    let words = out.split_inclusive(char::is_whitespace);
    words.map(|word| if word.contains("://") || word.contains("{{") { " " } else { word }).collect()
}

/// A text without what stands between two marks, and without the marks.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        out += before;
        out.push(' ');
        match after.split_once(close) {
            Some((_, after)) => rest = after,
            None => return out + after, // it opens nothing
        }
    }
    out + rest
}

/// Words that are in no dictionary.
fn unknown(text: &str) -> BTreeSet<String> {
    let words = Path::new(ROOT).join("book/words.txt");
    let mut command = Command::new("hunspell");
    command.args(["-d", "en_US", "-i", "utf-8", "-l", "-p"]).arg(words).env("LC_ALL", "C.UTF-8");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = text.to_owned();
    // On a thread of its own: it answers while it is still being asked.
    let asked = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    asked.join().unwrap();
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn pages() -> Vec<PathBuf> {
    let book = files(&Path::new(ROOT).join("book/src"), ".md");
    book.into_iter().chain(files(&Path::new(ROOT).join("labs"), "task.md")).collect()
}

#[test]
fn every_word_is_in_a_dictionary() {
    need!(programs(&["hunspell"], "apt install hunspell hunspell-en-us"));
    let texts: Vec<(PathBuf, String)> =
        pages().into_iter().map(|page| (page.clone(), prose(&std::fs::read_to_string(page).unwrap()))).collect();
    let all: String = texts.iter().map(|(_, text)| text.as_str()).collect();
    let mut told = vec![];
    for word in unknown(&all) {
        let on = texts.iter().find(|(_, text)| text.contains(word.as_str())).map(|(page, _)| page);
        let page = on.and_then(|page| page.strip_prefix(ROOT).ok()).map(|page| page.display().to_string());
        told.push(format!("{word}: {}", page.unwrap_or_default()));
    }
    assert!(told.is_empty(), "{} words, to be mended or put into book/words.txt:\n{}", told.len(), told.join("\n"));
}

#[test]
fn the_books_own_words_are_in_order_and_used() {
    let words = std::fs::read_to_string(Path::new(ROOT).join("book/words.txt")).unwrap();
    let words: Vec<&str> = words.lines().collect();
    assert!(words.is_sorted_by(|a, b| a < b), "book/words.txt is not sorted: `LC_ALL=C sort -u`");
    let all: String = pages().iter().map(|page| std::fs::read_to_string(page).unwrap()).collect();
    let unused: Vec<&&str> = words.iter().filter(|word| !all.contains(**word)).collect();
    assert!(unused.is_empty(), "no page has {unused:?}");
}

#[test]
fn code_is_not_spelt() {
    let page = "A `fsck` <b title=\"xx\">of</b> [it](http://qq.rr), see https://zz.yy.\n```sh\nls xyz\n```\n{{#stage k}}\nand {{mm}}\n";
    let words: Vec<String> = prose(page).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["A", "of", "[it", ",", "see", "and"]);
}

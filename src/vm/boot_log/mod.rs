//! The guest kernel's own log, taken apart: what it met, and when.
//!
//! It comes over the serial console, from the first line on, and of a kernel that dies to the last. It is foreign bytes: what
//! is in it may reach a terminal, so no control character is let through.

mod subjects;
#[cfg(test)]
mod tests;

/// As much of a line as a story has room for.
const TOLD_CHARS: usize = 72;

/// One message of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, in microseconds of the kernel's clock: since shortly after it began.
    pub at_us: u64,
    /// What it says.
    pub text: String,
}

/// What a kernel said of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The subject: `memory`.
    pub name: &'static str,
    /// How many lines it has.
    pub lines: usize,
    /// When the first of them was written.
    pub from_us: u64,
    /// How long the kernel was at it: for each line, the time since the line before it, whatever that was about. Nearly all
    /// messages tell of what has just been done.
    pub took_us: u64,
    /// Its most telling line, shortened.
    pub told: String,
}

/// The messages on a serial console: `[    0.012345] text`. What firmware and programs write there has no such time and is
/// left out.
pub fn parse_console(text: &str) -> Vec<Line> {
    text.lines().filter_map(console_line).collect()
}

fn console_line(line: &str) -> Option<Line> {
    let (time, text) = line.trim_end().strip_prefix('[')?.split_once(']')?;
    let (seconds, fraction) = time.trim_start().split_once('.')?;
    let seconds: u64 = seconds.parse().ok()?;
    let micros: u64 = fraction.parse().ok().filter(|_| fraction.len() == 6)?;
    // A kernel built to tell who wrote a message puts that between: `[    0.012345][    T1] text`.
    let text = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((_who, text)) => text,
        None => text,
    };
    let at_us = seconds.saturating_mul(1_000_000).saturating_add(micros);
    Some(Line { at_us, text: plain(text.strip_prefix(' ').unwrap_or(text)) })
}

/// Without what a terminal would obey.
pub(super) fn plain(text: &str) -> String {
    text.trim_end().chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}

/// The lines by what they are about, in the order in which the subjects came up. Each line is in one of them.
pub fn groups(lines: &[Line]) -> Vec<Group> {
    let mut groups: Vec<(Group, usize)> = vec![];
    let mut subject = subjects::OTHER;
    let mut before = lines.first().map_or(0, |line| line.at_us);
    for line in lines {
        subject = subjects::of(&line.text, subject);
        let weight = subjects::weight(subject, &line.text);
        let took = line.at_us.saturating_sub(before);
        before = line.at_us;
        match groups.iter_mut().find(|(group, _)| group.name == subject) {
            Some((group, heaviest)) => {
                group.lines += 1;
                group.took_us = group.took_us.saturating_add(took);
                if weight > *heaviest {
                    (group.told, *heaviest) = (shortened(&line.text), weight);
                }
            }
            None => {
                let told = shortened(&line.text);
                groups.push((Group { name: subject, lines: 1, from_us: line.at_us, took_us: took, told }, weight));
            }
        }
    }
    groups.into_iter().map(|(group, _)| group).collect()
}

fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(TOLD_CHARS) {
        Some((_, _)) => {
            let kept: String = text.chars().take(TOLD_CHARS - 1).collect();
            format!("{}…", kept.trim_end())
        }
        None => text.to_owned(),
    }
}

//! The part of a transcript that a page shows: some stages of a story, some lines.

use super::block::Part;
use super::snapshot::Said;

/// A line of what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line that was said.
    Said(String),
    /// Here lines are left out.
    Cut,
}

/// The stage whose block a line of a story opens: `── 9 namespaces ────…`.
fn opens(line: &str) -> Option<&str> {
    let mut words = line.strip_prefix("── ")?.split(' ');
    words.next().filter(|number| number.chars().all(|digit| digit.is_ascii_digit()))?;
    words.next()
}

/// What is shown of each command.
///
/// # Errors
/// The first thing asked for that was not said.
pub fn select(said: &[Said], part: &Part) -> Result<Vec<Vec<Line>>, String> {
    for stage in &part.stages {
        if !said.iter().any(|said| said.lines.iter().any(|line| opens(line) == Some(stage.as_str()))) {
            return Err(format!("no command of the block tells of a stage `{stage}`"));
        }
    }
    let shown: Vec<Vec<Line>> = said.iter().map(|said| lines(&said.lines, part)).collect();
    match &part.grep {
        Some(text) if shown.iter().flatten().all(|line| *line == Line::Cut) => {
            Err(format!("no line has `{text}` in it"))
        }
        _ => Ok(shown),
    }
}

fn lines(all: &[String], part: &Part) -> Vec<Line> {
    let mut shown: Vec<Line> =
        if part.stages.is_empty() { all.iter().cloned().map(Line::Said).collect() } else { stages(all, &part.stages) };
    if let Some(text) = &part.grep {
        shown.retain(|line| matches!(line, Line::Said(said) if said.contains(text.as_str())));
    }
    if let Some(head) = part.head.filter(|head| shown.len() > *head) {
        shown.truncate(head);
        shown.push(Line::Cut);
    }
    while matches!(shown.last(), Some(Line::Said(last)) if last.trim().is_empty()) {
        shown.pop();
    }
    shown
}

/// The blocks of these stages; what is between them is cut.
fn stages(all: &[String], wanted: &[String]) -> Vec<Line> {
    let mut shown: Vec<Line> = vec![];
    let mut is_shown = false;
    for line in all {
        if let Some(stage) = opens(line) {
            is_shown = wanted.iter().any(|wanted| wanted == stage);
        } else if is_shown && !line.is_empty() && !line.starts_with([' ', '─']) {
            // What the program itself says stands at the left edge, after a story's block.
            is_shown = false;
        }
        if is_shown {
            shown.push(Line::Said(line.clone()));
        } else if shown.last() != Some(&Line::Cut) {
            shown.push(Line::Cut);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = "rlab · run\n\n── 1 resolve ── (time) ──\n   A name.\n\n── 2 exec ── (time) ──\n   It runs.\n\nuid=0\n── 3 wait ──\n   W.\n\n";

    fn shown(part: &Part) -> Result<String, String> {
        let said = [Said { typed: "# x".into(), lines: STORY.lines().map(str::to_owned).collect() }];
        let lines = select(&said, part)?;
        let told = lines[0].iter().map(|line| if let Line::Said(text) = line { text } else { "…" });
        Ok(told.collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn stages_and_lines_are_chosen() {
        let stages =
            |names: &[&str]| Part { stages: names.iter().map(|n| (*n).to_owned()).collect(), ..Part::default() };
        assert_eq!(shown(&stages(&["exec"])).unwrap(), "…|── 2 exec ── (time) ──|   It runs.||…");
        assert_eq!(
            shown(&stages(&["resolve", "wait"])).unwrap(),
            "…|── 1 resolve ── (time) ──|   A name.||…|── 3 wait ──|   W."
        );
        assert!(shown(&stages(&["boot"])).is_err());
        assert_eq!(shown(&Part { head: Some(1), ..Part::default() }).unwrap(), "rlab · run|…");
        assert_eq!(shown(&Part { grep: Some("uid".into()), ..Part::default() }).unwrap(), "uid=0");
        assert!(shown(&Part { grep: Some("gid".into()), ..Part::default() }).is_err());
    }
}

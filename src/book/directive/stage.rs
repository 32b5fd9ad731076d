//! `{{#stage ID}}`: what the terminal says of a stage, as a box.

use crate::book::expand::{Page, Refusal, Shelf};
use crate::book::html::{escape, sentence};
use crate::trace::english;

/// The box.
pub fn stage(id: &str, page: &Page<'_>, shelf: &Shelf<'_>) -> Result<String, Refusal> {
    let Some(text) = english().stage(id) else {
        return Err((format!("there is no stage `{id}`"), "the ids are in src/trace/stage.rs".to_owned()));
    };
    let mut rows = vec![("What", sentence(&text.what)), ("Why", sentence(&text.why))];
    rows.extend(text.twin(false).map(|(place, twin)| (place, sentence(twin))));
    rows.extend(order(id, page, shelf).map(|order| ("Order", order)));
    rows.push(("Read on", text.man.iter().map(|page| sentence(page)).collect::<Vec<_>>().join(", ")));
    if let Some(lab) = shelf.labs.iter().find(|lab| lab.stages.iter().any(|stage| stage == id)) {
        let (to, number, title) = (page.to_root, lab.number, escape(&lab.title));
        rows.push(("Lab", format!("<a href=\"{to}labs/{}.html\">{number} · {title}</a>", lab.folder)));
    }
    let rows: String = rows.iter().map(|(name, text)| format!("<dt>{name}</dt><dd>{text}</dd>")).collect();
    let brief = sentence(&text.brief);
    Ok(format!(
        "<aside class=\"stage\" aria-label=\"The stage {id}\"><p class=\"name\"><code>{id}</code> {brief}</p><dl>{rows}</dl></aside>"
    ))
}

/// Which stages it stands between, by the book's own order; a stage without a page has none.
fn order(id: &str, page: &Page<'_>, shelf: &Shelf<'_>) -> Option<String> {
    let name = |path: &String| path.trim_start_matches("stages/").trim_end_matches(".md").to_owned();
    let all: Vec<String> = shelf.stages.iter().map(name).collect();
    let at = all.iter().position(|stage| stage == id)?;
    // chroot stands in the place of pivot_root, so neither comes before or after the other.
    let is_other =
        |stage: &&String| !matches!((id, stage.as_str()), ("chroot", "pivot_root") | ("pivot_root", "chroot"));
    let link = |stage: &String| format!("<a href=\"{}stages/{stage}.html\">{stage}</a>", page.to_root);
    let before = all[..at].iter().rev().find(is_other).map(|stage| format!("after {}", link(stage)));
    let after = all[at + 1..].iter().find(is_other).map(|stage| format!("before {}", link(stage)));
    Some([before, after].into_iter().flatten().collect::<Vec<_>>().join(", "))
}

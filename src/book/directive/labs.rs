//! `{{#lab N}}` and `{{#labs}}`: a lab's page, and the list of all.

use crate::book::expand::{Page, Refusal, Shelf, expand};
use crate::book::html::{escape, sentence};
use crate::book::labs::Lab;
use crate::book::{Fault, host};

/// A lab's page: what it is about, how it is started, and its task.
pub fn lab(arguments: &str, page: &Page<'_>, shelf: &Shelf<'_>, faults: &mut Vec<Fault>) -> Result<String, Refusal> {
    let number: Option<u32> = arguments.trim().parse().ok();
    let Some(lab) = shelf.labs.iter().find(|lab| Some(lab.number) == number) else {
        return Err((format!("there is no lab `{arguments}`"), "its manifest is labs/NN-id/lab.toml".to_owned()));
    };
    let task = expand(&lab.task, &Page { file: &lab.path, ..*page }, shelf, faults);
    // The task may open with its own title.
    let task = task.trim_start();
    let task = task.strip_prefix("# ").map_or(task, |rest| rest.split_once('\n').map_or("", |(_, rest)| rest));
    Ok(format!(
        "# Lab {number}: {title}\n\n{facts}\n\n```sh\nrlab lab start {number}   # makes your folder\nrlab lab check {number}   # looks at what you did\nrlab lab hint {number}    # a nudge, then more\n```\n\n<p class=\"example\">Names and numbers below are an example's: <code>rlab lab start {number}</code> writes a TASK.md with your own.</p>\n\n{task}",
        number = lab.number,
        title = lab.title,
        facts = facts(lab, page, shelf),
    ))
}

fn facts(lab: &Lab, page: &Page<'_>, shelf: &Shelf<'_>) -> String {
    let needs: Vec<&str> = lab.needs.iter().map(|need| host::told(need)).collect();
    let needs = if needs.is_empty() { "nothing besides rlab".to_owned() } else { needs.join(", ") };
    let stage = |id: &String| {
        let path = format!("stages/{id}.md");
        let linked = shelf.stages.contains(&path);
        if linked { format!("<a href=\"{}stages/{id}.html\">{id}</a>", page.to_root) } else { escape(id) }
    };
    let stages: Vec<String> = lab.stages.iter().map(stage).collect();
    let stages =
        if stages.is_empty() { String::new() } else { format!("<dt>Stages</dt><dd>{}</dd>", stages.join(", ")) };
    format!(
        "<aside class=\"lab\" aria-label=\"About this lab\"><dl><dt>Afterwards</dt><dd>{}</dd><dt>Time</dt><dd>{} minutes</dd><dt>Needs</dt><dd>{}</dd>{stages}</dl></aside>",
        sentence(&lab.about),
        lab.minutes,
        escape(&needs)
    )
}

/// All labs, in order.
pub fn labs(page: &Page<'_>, shelf: &Shelf<'_>) -> String {
    let rows: String = shelf
        .labs
        .iter()
        .map(|lab| {
            format!(
                "<li><a href=\"{}labs/{}.html\">{} · {}</a> <span>{} min</span><p>{}</p></li>",
                page.to_root,
                lab.folder,
                lab.number,
                escape(&lab.title),
                lab.minutes,
                sentence(&lab.about)
            )
        })
        .collect();
    format!("<ul class=\"labs\">{rows}</ul>")
}

//! `{{#cli}}`: every command with its arguments, from the same description that `--help` prints.

use crate::book::expand::Shelf;
use crate::book::html::{escape, sentence};
use crate::book::knowledge::{Argument, Command};

/// All commands, each under a heading of its own.
pub fn cli(shelf: &Shelf<'_>) -> String {
    let mut out = String::new();
    command(&shelf.knowledge.cli, &mut out);
    out
}

fn command(command_: &Command, out: &mut String) {
    *out += &format!("## {}\n\n{}\n\n", command_.name, sentence(&command_.about));
    *out += &format!(
        "<pre class=\"usage\" tabindex=\"0\"><code class=\"nohighlight\">{}</code></pre>\n\n",
        escape(command_.usage.trim())
    );
    let mut headings: Vec<Option<&String>> = vec![];
    for argument in &command_.arguments {
        if !headings.contains(&argument.heading.as_ref()) {
            headings.push(argument.heading.as_ref());
        }
    }
    for heading in headings {
        let of = command_.arguments.iter().filter(|argument| argument.heading.as_ref() == heading);
        let title = heading.map(|title| format!("<p class=\"group\">{}</p>", escape(title))).unwrap_or_default();
        *out += &format!("<div class=\"arguments\">{title}{}</div>\n\n", of.map(argument).collect::<String>());
    }
    if !command_.after.is_empty() {
        *out += &format!(
            "<pre class=\"usage\" tabindex=\"0\"><code class=\"nohighlight\">{}</code></pre>\n\n",
            escape(command_.after.trim())
        );
    }
    for below in &command_.commands {
        command(below, out);
    }
}

fn argument(argument: &Argument) -> String {
    let default = argument.default.as_ref().map(|value| format!(" Default: <code>{}</code>.", escape(value)));
    let help = sentence(&argument.help);
    let stop = if help.is_empty() || help.ends_with(['.', ':', ')']) { "" } else { "." };
    let values: String = argument
        .values
        .iter()
        .map(|(name, help)| {
            let help = if help.is_empty() { String::new() } else { format!(": {}", sentence(help)) };
            format!("<li><code>{}</code>{help}</li>", escape(name))
        })
        .collect();
    let values = if values.is_empty() { values } else { format!("<ul>{values}</ul>") };
    format!(
        "<div><code>{}</code><p>{help}{stop}{}</p>{values}</div>",
        escape(&argument.spelling),
        default.unwrap_or_default()
    )
}

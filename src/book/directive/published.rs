//! `{{#published}}`: what others measured, each row with its source.

use crate::book::expand::Shelf;
use crate::book::html::sentence;

/// The rows, as a list that is as wide as the page is.
pub fn published(shelf: &Shelf<'_>) -> String {
    let rows: String = shelf
        .knowledge
        .published
        .iter()
        .map(|figure| {
            let cell = |name: &str, value: Option<&String>| {
                value
                    .map(|value| format!("<div><span>{name}</span> <b>{}</b></div>", sentence(value)))
                    .unwrap_or_default()
            };
            let hand = if figure.at_first_hand { "" } else { " (quoted by another work, not read there)" };
            format!(
                "<li><p>{}</p><div class=\"sides\">{}{}{}</div><cite>{}{hand}</cite></li>",
                sentence(&figure.what),
                cell("native", figure.native.as_ref()),
                cell("container", figure.container.as_ref()),
                cell("machine", Some(&figure.machine)),
                sentence(&figure.source)
            )
        })
        .collect();
    format!("<ul class=\"published\">{rows}</ul>")
}

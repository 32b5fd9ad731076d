//! What a page can name by `{{#name …}}`, one file each.

mod cli;
pub mod console;
mod events;
mod figure;
mod labs;
pub mod player;
mod published;
mod source;
mod stage;

use super::Fault;
use super::expand::{Page, Refusal, Shelf};
use super::html::escape;

/// What stands in a directive's place.
///
/// # Errors
/// What it names that is not there, and the next step.
pub fn put_in(
    name: &str,
    arguments: &str,
    page: &Page<'_>,
    shelf: &Shelf<'_>,
    faults: &mut Vec<Fault>,
) -> Result<String, Refusal> {
    match name {
        "cli" | "events" | "published" | "labs" if !arguments.is_empty() => {
            Err((format!("`{name}` takes nothing: `{arguments}`"), format!("write {{{{#{name}}}}}")))
        }
        "stage" => stage::stage(arguments, page, shelf),
        "source" => source::source(arguments, shelf),
        "figure" => figure::figure(arguments, shelf),
        "cli" => Ok(cli::cli(shelf)),
        "events" => Ok(events::events()),
        "published" => Ok(published::published(shelf)),
        "lab" => labs::lab(arguments, page, shelf, faults),
        "labs" => Ok(labs::labs(page, shelf)),
        other => {
            let next = "one of stage, source, figure, cli, events, published, lab, labs".to_owned();
            Err((format!("there is no directive `{other}`"), next))
        }
    }
}

/// What a draft shows in the place of what is not there.
pub fn missing(what: &str) -> String {
    format!("<div class=\"missing\">{}</div>", escape(what))
}

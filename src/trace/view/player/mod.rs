//! The trace player: a run, step by step, in a page. What is in it and what each step changes is worked out here; the
//! script only shows it.
//!
//! One piece of code for the book's pages and for `rlab trace export --html`.

mod changes;
mod html;
mod state;
mod steps;
#[cfg(test)]
mod tests;
mod tree;

use crate::trace::event::Event;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use steps::Steps;

/// How the player looks. It takes its colours from the page: `--bg`, `--fg`, `--links`, `--quote-bg`,
/// `--table-border-color`, as mdBook's themes set them.
pub const PLAYER_CSS: &str = include_str!("player.css");

/// What moves the player: it starts every one that it finds on its page.
pub const PLAYER_JS: &str = include_str!("player.js");

/// How the page around a player looks when it stands alone.
const PAGE_CSS: &str = include_str!("page.css");

/// A trace as a figure for a page that has [`PLAYER_CSS`] and [`PLAYER_JS`]. `id` is the figure's, one of its own on the
/// page. Without the script it reads as text: stages, their calls, what changed.
pub fn player(events: &[Event], id: &str) -> String {
    html::figure(&Steps::of(events), id)
}

/// The same as a page of its own, in one file that loads nothing.
pub fn player_page(events: &[Event]) -> String {
    let steps = Steps::of(events);
    let title = html::escaped(&steps.title());
    let figure = html::figure(&steps, "player");
    // The page holds words from inside a container: nothing but this very script may run in it.
    let script = STANDARD.encode(Sha256::digest(format!("\n{PLAYER_JS}")));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title} · rlab, step by step</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'sha256-{script}'; img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <style>\n{PAGE_CSS}{PLAYER_CSS}</style>\n</head>\n<body>\n<main>\n<h1>A run of rlab, step by step</h1>\n{figure}</main>\n\
         <script>\n{PLAYER_JS}</script>\n</body>\n</html>\n"
    )
}

//! Player blocks: the trace of a command, to be gone through step by step.

use super::console::caption;
use crate::book::block::Block;
use crate::book::expand::{Refusal, Shelf};
use crate::book::html::single_line;
use crate::book::snapshot;
use crate::trace::{Event, PLAYER_CSS, PLAYER_JS};

/// The player of a recorded trace. The first of a page brings what all of them need.
pub fn player(block: &Block, shelf: &Shelf<'_>, is_first: bool) -> Result<String, Refusal> {
    let said = snapshot::read(block, shelf.sources)?;
    let lines = said.iter().flat_map(|said| &said.lines);
    let events: Vec<Event> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    if events.is_empty() {
        let next = "give the command --explain=json, and --stable".to_owned();
        return Err(("no command of the block tells a trace".to_owned(), next));
    }
    let id = format!("player-{}", block.line);
    let figure = crate::trace::player(&events, &id);
    let caption = caption(block, shelf).replace("figcaption", "p").replacen("<p>", "<p class=\"checked\">", 1);
    let shown = format!("{figure}{caption}");
    if !is_first {
        return Ok(shown);
    }
    let style = single_line(PLAYER_CSS);
    Ok(format!("<style>{style}</style>\n\n{shown}\n\n<script>\n{PLAYER_JS}</script>"))
}

//! Player blocks: the trace of a command, to be gone through step by step.

use super::console::checked;
use crate::book::block::Block;
use crate::book::expand::{Refusal, Shelf};
use crate::book::html::single_line;
use crate::book::snapshot;
use crate::trace::{PLAYER_CSS, PLAYER_JS, events};

/// The player of a recorded trace. The first of a page brings what all of them need.
pub fn player(block: &Block, shelf: &Shelf<'_>, is_first: bool) -> Result<String, Refusal> {
    let said = snapshot::read(block, shelf.sources)?;
    let lines: String = said.iter().flat_map(|said| &said.lines).map(|line| format!("{line}\n")).collect();
    let next = || "give the command --explain=json, and --stable".to_owned();
    let events = events(&lines, false).map_err(|reason| (format!("what the block says: {reason}"), next()))?;
    let id = format!("player-{}", block.line);
    let figure = crate::trace::player(&events, &id);
    let shown = format!("{figure}<p class=\"checked\">{}</p>", checked(block, shelf));
    if !is_first {
        return Ok(shown);
    }
    let style = single_line(PLAYER_CSS);
    Ok(format!("<style>{style}</style>\n\n{shown}\n\n<script>\n{PLAYER_JS}</script>"))
}

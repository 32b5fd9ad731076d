//! Reading a trace: while it grows, for the run in the foreground, or from its beginning, to tell it again.

use super::event::{Actor, Event, Kind, SCHEMA_VERSION};
use super::stable::Stable;
use super::view::{Block, Style, View};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// Follows a trace file and renders whole stages as they end.
pub struct Follower {
    file: File,
    rest: Vec<u8>,
    replay: Replay,
}

impl Follower {
    /// Follows the file at `path` from its beginning.
    ///
    /// Errors: those of open(2).
    pub fn open(path: &Path, replay: Replay) -> std::io::Result<Follower> {
        Ok(Follower { file: File::open(path)?, rest: Vec::new(), replay })
    }

    /// Renders what has come since the last time.
    pub fn pump(&mut self) {
        // A view that can't be read or written (a closed pipe) must not stop the container.
        let _unreadable = self.file.read_to_end(&mut self.rest);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return };
        for line in self.rest[..end].split(|byte| *byte == b'\n') {
            if let Ok(event) = serde_json::from_slice::<Event>(line) {
                self.replay.event(event);
            }
        }
        self.rest.drain(..=end);
    }

    /// Renders everything that is left, also stages that never ended.
    pub fn finish(mut self) {
        self.pump();
        self.replay.finish();
    }
}

/// The events of a trace's text. Between them may be lines of another sort, and the last may be one that is still being
/// written.
///
/// # Errors
/// That there is no event, or which line is one that this rlab cannot read.
pub fn events(text: &str, stable: bool) -> Result<Vec<Event>, String> {
    let mut names = stable.then(Stable::default);
    let mut events = vec![];
    for (at, line) in text.split_inclusive('\n').enumerate().filter(|(_, line)| line.starts_with("{\"v\":")) {
        let event = match serde_json::from_str::<Event>(line) {
            Ok(event) if event.v == SCHEMA_VERSION => event,
            Ok(Event { v, .. }) => {
                return Err(format!("line {}: version {v} of a trace, not {SCHEMA_VERSION}", at + 1));
            }
            Err(_) if !line.ends_with('\n') => break,
            Err(error) => return Err(format!("line {}: {error}", at + 1)),
        };
        match &mut names {
            Some(names) => events.extend(names.mask(event)),
            None => events.push(event),
        }
    }
    if events.is_empty() { Err("no line of it is an event of a trace".to_owned()) } else { Ok(events) }
}

/// Turns events into blocks, a block a stage, and hands each to the views when it is complete.
pub struct Replay {
    outputs: Vec<Output>,
    stable: Option<Stable>,
    open: Vec<Block>,
    left: BTreeSet<Cow<'static, str>>,
    shown: usize,
    /// Whether it is a machine's run: told by who writes the first event.
    of_machine: Option<bool>,
}

struct Output {
    view: View,
    style: Style,
    to: Box<dyn Write + Send>,
}

impl Replay {
    /// A replay without any view yet. In stable mode all that differs between runs is replaced by names.
    pub fn new(stable: bool) -> Replay {
        Replay {
            outputs: Vec::new(),
            stable: stable.then(Stable::default),
            open: Vec::new(),
            left: BTreeSet::new(),
            shown: 0,
            of_machine: None,
        }
    }

    /// Adds a view and where it is written to.
    pub fn view(mut self, view: View, style: Style, to: Box<dyn Write + Send>) -> Replay {
        self.outputs.push(Output { view, style, to });
        self
    }

    /// Takes the next event.
    pub fn event(&mut self, event: Event) {
        let of_machine = *self.of_machine.get_or_insert(matches!(event.actor, Actor::Vm));
        let masked = match &mut self.stable {
            Some(stable) => stable.mask(event),
            None => Some(event),
        };
        let Some(event) = masked else { return };
        self.each(|output| output.view.line(&event, &output.style));
        let (stage, left) = (event.stage.clone(), matches!(event.kind, Kind::Leave { .. }));
        // What another process still does for a stage that was told already has a line of its own, but no block again.
        if self.left.contains(&stage) && !matches!(event.kind, Kind::Enter) && !self.is_open(&stage) {
            return;
        }
        match self.open.iter_mut().rfind(|block| block.stage == stage) {
            Some(block) => block.events.push(event),
            None => self.open.push(Block {
                number: 0,
                stage: stage.clone(),
                events: vec![event],
                complete: false,
                of_machine,
            }),
        }
        if left && let Some(at) = self.open.iter().rposition(|block| block.stage == stage) {
            let mut block = self.open.remove(at);
            block.complete = true;
            self.left.insert(stage);
            self.show(block);
        }
    }

    fn is_open(&self, stage: &str) -> bool {
        self.open.iter().any(|block| block.stage == stage)
    }

    /// Shows what never ended, as far as it came.
    pub fn finish(&mut self) {
        for block in std::mem::take(&mut self.open) {
            self.show(block);
        }
    }

    fn show(&mut self, mut block: Block) {
        self.shown += 1;
        block.number = self.shown;
        self.each(|output| output.view.block(&block, &output.style));
    }

    fn each(&mut self, mut render: impl FnMut(&mut Output) -> String) {
        for output in &mut self.outputs {
            let text = render(output);
            // See `pump`: a reader that went away is no reason to stop.
            let _gone = output.to.write_all(text.as_bytes()).and_then(|()| output.to.flush());
        }
    }
}

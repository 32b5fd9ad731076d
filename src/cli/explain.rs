//! `rlab explain ID`: the story of an earlier run, from its trace.

use super::{Context, Failure, Ui};
use crate::engine::{container, trace_path};
use crate::trace::{Follower, Replay, View};
use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// Which view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ViewName {
    /// A block a stage: why, which calls, what changed
    Story,
    /// A line a stage
    Brief,
    /// A line a call, as strace shaped them
    Calls,
    /// The events, one JSON object a line
    Json,
}

impl From<ViewName> for View {
    fn from(name: ViewName) -> View {
        match name {
            ViewName::Story => View::Story,
            ViewName::Brief => View::Brief,
            ViewName::Calls => View::Calls,
            ViewName::Json => View::Json,
        }
    }
}

#[derive(ClapArgs)]
pub struct Args {
    /// A container that ran with --explain and without --rm, by id or name; or a file from --trace-out
    #[arg(value_name = "CONTAINER|FILE")]
    container: String,
    /// How to tell it
    #[arg(long, value_enum, default_value = "story")]
    view: ViewName,
    /// Replace what differs from run to run by names
    #[arg(long)]
    stable: bool,
}

/// Replays the trace onto standard output.
pub fn run(args: &Args, context: &mut Context) -> Result<u8, Failure> {
    let path = find(&args.container, context)?;
    let style = context.ui.result_style(args.stable);
    let replay = Replay::new(args.stable).view(args.view.into(), style, Ui::result_output());
    let follower = Follower::open(&path, replay).map_err(|error| Failure::File { path, error })?;
    follower.finish();
    Ok(0)
}

/// The trace that a name stands for.
pub(super) fn find(name: &str, context: &Context) -> Result<PathBuf, Failure> {
    let file = PathBuf::from(name);
    if file.is_file() {
        return Ok(file);
    }
    let record = container::find(&context.home, name)?;
    let paths = [context.home.kept(), context.home.containers()].map(|dir| trace_path(&dir.join(&record.id)));
    let found = paths.into_iter().find(|path| path.exists());
    Ok(found.ok_or(crate::engine::Error::NoTrace(name.to_owned()))?)
}

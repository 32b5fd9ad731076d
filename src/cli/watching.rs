//! The flags that tell the story, for every command that has one.

use super::explain::ViewName;
use super::{Context, Failure, Ui};
use crate::engine::Telling;
use crate::sys;
use crate::trace::{Replay, TRACE_DIR, View};
use clap::Args;
use std::fs::File;
use std::path::PathBuf;

#[derive(Args)]
pub struct WatchArgs {
    /// Tell what happens, stage by stage: story, brief, calls or json
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "story", value_name = "VIEW")]
    explain: Option<ViewName>,
    /// Write the trace into this file as well
    #[arg(long, value_name = "FILE")]
    trace_out: Option<PathBuf>,
    /// In what is told, replace all that differs from run to run by names
    #[arg(long)]
    stable: bool,
}

impl WatchArgs {
    /// Whether something is told on the terminal.
    pub fn explains(&self) -> bool {
        self.explain.is_some()
    }

    /// The views that were asked for. Without one nothing is told, and nothing is built for it.
    pub fn telling(&self, context: &mut Context, heading: impl FnOnce() -> String) -> Result<Telling, Failure> {
        let for_check = trace_of_check();
        if self.explain.is_none() && self.trace_out.is_none() && for_check.is_none() {
            return Ok(Telling::default());
        }
        let style = context.ui.story_style(self.stable);
        let mut replay = Replay::new(self.stable);
        if let Some(view) = self.explain {
            if view == ViewName::Story {
                context.ui.status(&heading());
            }
            replay = replay.view(view.into(), style, Ui::story_output());
        }
        for path in self.trace_out.iter().chain(&for_check) {
            let file = File::create(path).map_err(|error| Failure::File { path: path.clone(), error })?;
            replay = replay.view(View::Json, style, Box::new(file));
        }
        Ok(Telling { replay: Some(replay) })
    }
}

/// Where the check of a lab wants the trace of each rlab that a script runs: in a folder, by the clock, so that their order
/// is that of their names.
fn trace_of_check() -> Option<PathBuf> {
    let folder = std::env::var_os(TRACE_DIR)?;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    Some(PathBuf::from(folder).join(format!("{now:024}-{}.jsonl", sys::getpid())))
}

/// What is done, as whom, on what, and how to see more of it.
pub fn heading(command: &str, host: Option<&str>) -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split(['-', '.']).take(2).collect::<Vec<_>>().join(".");
    let user = if sys::geteuid() == 0 { "root" } else { "an ordinary user" };
    let host = host.map(|host| format!("{host} · ")).unwrap_or_default();
    format!(
        "rlab · {command} · as {user} · {host}Linux {kernel}\nall calls: --explain=calls · all else: --explain=json · short: --explain=brief\n"
    )
}

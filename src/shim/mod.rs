//! containerd-shim's part: it owns the program's standard streams, its terminal, its signals and its exit status.
//!
//! In the foreground it runs in rlab's own process. It has to be the parent of the container's first process: wait(2)
//! tells how a process ended to its parent alone.

mod relay;
mod signals;
mod supervise;

pub use crate::runtime::EnterRoot;
/// The seccomp profiles that the runtime below knows to compile.
pub use crate::runtime::seccomp as profiles;
/// What starts a program without a container, for process 1 of a virtual machine, and how it fails.
pub use crate::runtime::{Error as RuntimeError, Failure, plain};
pub use signals::{Signals, asks_to_end};

use crate::runtime::{self, CreateOptions};
use crate::sys::cause::{self, Cause};
use crate::sys::{self, Ended};
use crate::trace::{self, Actor};
use relay::Relay;
use std::path::PathBuf;

/// What the engine hands over: an id, a bundle, and how the program is tied to the terminal.
pub struct Task {
    /// The container's id.
    pub id: String,
    /// The bundle: a directory with config.json.
    pub bundle: PathBuf,
    /// The container's own directory, for the runtime's record.
    pub dir: PathBuf,
    /// How the tree becomes `/`.
    pub enter_root: EnterRoot,
    /// Whether process 1 is a reaper.
    pub init: bool,
    /// Whether standard input is passed on.
    pub interactive: bool,
    /// Whether the program gets a terminal.
    pub terminal: bool,
    /// What to tell the user while the program runs, by the name of a text.
    pub running: serde_json::Value,
}

/// A failure of the shim or of the runtime below it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The runtime's.
    #[error("{0}")]
    Runtime(#[from] runtime::Error),
    /// Pipes or terminal.
    #[error("{what}: {errno}")]
    Streams {
        /// What was to be done.
        what: &'static str,
        /// What the kernel said.
        errno: sys::Errno,
    },
    /// A call for the running program was refused, in that stage.
    #[error("{0}: {1}")]
    Call(&'static str, #[source] sys::Error),
}

impl From<sys::Error> for Error {
    fn from(error: sys::Error) -> Error {
        Error::Call(trace::current_stage().id(), error)
    }
}

impl Error {
    /// Docker's exit code for this failure.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Runtime(error) => error.exit_code(),
            _ => 125,
        }
    }

    /// The likeliest cause, by this host's facts. `root` is where rlab keeps things.
    pub fn cause(&self, root: &std::path::Path) -> Option<Cause> {
        match self {
            Error::Runtime(error) => error.cause(root),
            Error::Streams { what, errno } => {
                let call = trace::Call::new(what);
                cause::of_call(&sys::Error::new(call, *errno as i32), root)
            }
            Error::Call(_, error) => cause::of_call(error, root),
        }
    }

    /// The file of the container's to look at, and how, when its command could not be run.
    pub fn look(&self) -> Option<(&str, &std::path::Path)> {
        match self {
            Error::Runtime(error) => error.look().map(|look| (look.command.as_str(), look.file.as_path())),
            _ => None,
        }
    }

    /// The next step.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::Runtime(error) => error.hint(),
            _ => None,
        }
    }
}

/// How a container's program ended.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// By itself or by a signal.
    pub ended: Ended,
    /// Whether it looks killed, and the kernel has killed in its group for want of memory.
    pub oom_killed: bool,
}

/// Runs a container in the foreground, from its bundle to its exit status.
pub fn run(task: &Task, signals: &mut Signals) -> Result<Finished, Error> {
    let (mut relay, stdio) = Relay::new(task)?;
    let options = CreateOptions { id: task.id.clone(), enter_root: task.enter_root, init: task.init, stdio };
    let mut created = trace::acting(Actor::Parent, || runtime::create(&task.bundle, &task.dir, options))?;
    relay.attach(created.console.take())?;
    // Before the start: a storm of forks may be over by the time anyone looks.
    let before = trace::enabled().then(|| created.cgroup.counters());
    trace::acting(Actor::Parent, || runtime::start(&created))?;
    let watched = || supervise::supervise(task, &created, before.as_ref(), &mut relay, signals);
    let ended = trace::acting(Actor::Shim, watched)?;
    // Asked only of who ended as by SIGKILL; the group is new, so what was counted in it is this container's.
    let killed = ended.code() == Ended::Signalled(sys::SIGKILL).code();
    let oom_killed = killed && created.cgroup.counters().oom_kills.is_some_and(|kills| kills > 0);
    Ok(Finished { ended, oom_killed })
}

/// How this host's control groups are laid out, by the runtime's own reading.
pub fn cgroup_layout() -> Option<&'static str> {
    crate::cgroup::Layout::detect().ok().map(|layout| layout.name())
}

/// Ends what still runs in the container of `dir` and takes away what the runtime made for it.
pub fn delete(dir: &std::path::Path) -> Result<(), Error> {
    trace::acting(Actor::Parent, || runtime::delete(dir)).map_err(Error::from)
}

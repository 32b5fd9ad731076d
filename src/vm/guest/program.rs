//! The guest's program is started: fork, and in the child what is left of the stages.

use crate::shim::{Failure, plain};
use crate::sys::{self, WindowSize};
use crate::trace::{self, Actor};
use crate::vm::order::{Order, refused};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The program, from process 1's side.
pub struct Program {
    /// Its number.
    pub pid: i32,
    /// What is written here is its input. None when it gets none.
    pub input: Option<OwnedFd>,
    /// What it says; a terminal's other end when it has one.
    pub output: Option<OwnedFd>,
    /// What it says on its standard error. A terminal is one stream for both.
    pub errors: Option<OwnedFd>,
    /// Its terminal, to set the size of.
    pub terminal: Option<OwnedFd>,
}

/// The ends that become the program's own.
struct Stdio {
    ends: [OwnedFd; 3],
    terminal: bool,
}

/// What the child says before it is another program.
#[derive(Serialize, Deserialize)]
enum Word {
    /// Which file it is about to become.
    AboutTo(PathBuf),
    /// Why it did not.
    Failed(Failure),
}

/// Starts it. It is running when this comes back.
pub fn start(order: &Order, process: &plain::Process) -> Result<Program, Failure> {
    let (mut program, stdio) = streams(order)?;
    let (failed, fail) = sys::pipe().map_err(broken("pipe2"))?;
    let begun = Instant::now();
    let Some(pid) = sys::fork().map_err(refused("guest_exec"))? else {
        trace::become_actor(Actor::Guest, Some(sys::getpid()));
        let say = |word: Word| {
            let line = [&serde_json::to_vec(&word).unwrap_or_default(), &b"\n"[..]].concat();
            let _gone = sys::write(&fail, &line);
        };
        let Err(failure) = child(process, &stdio, &mut |path| say(Word::AboutTo(path.to_owned())));
        say(Word::Failed(failure));
        sys::exit_now(127)
    };
    drop((stdio, fail));
    let mut said = String::new();
    let _nothing = File::from(failed).read_to_string(&mut said);
    let mut path = PathBuf::from(&process.args[0]);
    for word in said.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        match word {
            Word::AboutTo(found) => path = found,
            Word::Failed(failure) => {
                let _reaped = sys::wait(pid, true);
                return Err(failure);
            }
        }
    }
    // The pipe was closed by a successful execve(2): the process that made the call is no longer ours and can't tell.
    let call = sys::execve_call(&path, &process.args, &process.env);
    trace::call_of(pid, call, Ok(0), false, begun.elapsed());
    program.pid = pid;
    Ok(program)
}

/// In the child: a session of its own, its streams, and then the program.
fn child(
    process: &plain::Process,
    stdio: &Stdio,
    about_to: &mut dyn FnMut(&Path),
) -> Result<std::convert::Infallible, Failure> {
    sys::setsid().map_err(refused("guest_exec"))?;
    if stdio.terminal {
        sys::set_controlling_terminal(stdio.ends[0].as_fd()).map_err(refused("guest_exec"))?;
    }
    for (number, end) in (0..).zip(&stdio.ends) {
        // Streams are the user's who runs the program: it may open /dev/stdout once more.
        sys::fchown(end, process.uid, process.gid).map_err(refused("guest_exec"))?;
        sys::dup3(end.as_raw_fd(), number).map_err(refused("guest_exec"))?;
    }
    plain::exec(process, about_to)
}

fn streams(order: &Order) -> Result<(Program, Stdio), Failure> {
    if order.terminal { terminal(order) } else { pipes(order) }
}

fn terminal(order: &Order) -> Result<(Program, Stdio), Failure> {
    let (ours, theirs) = sys::open_pty(Path::new("/dev/ptmx")).map_err(refused("guest_exec"))?;
    // A program that does not read what is typed must not stop process 1 of the machine in a write(2).
    sys::set_nonblocking(&ours).map_err(broken("fcntl"))?;
    if let Some((rows, columns)) = order.size {
        sys::set_window_size(&ours, WindowSize { rows, columns }).map_err(refused("guest_exec"))?;
    }
    let copy = |end: &OwnedFd| end.try_clone().map_err(|error| lost(&error));
    let stdio = Stdio { ends: [copy(&theirs)?, copy(&theirs)?, theirs], terminal: true };
    let input = order.interactive.then(|| copy(&ours)).transpose()?;
    let output = Some(copy(&ours)?);
    Ok((Program { pid: 0, input, output, errors: None, terminal: Some(ours) }, stdio))
}

fn pipes(order: &Order) -> Result<(Program, Stdio), Failure> {
    let (theirs, input) = if order.interactive {
        let (theirs, ours) = sys::pipe().map_err(broken("pipe2"))?;
        (theirs, Some(ours))
    } else {
        (sys::open_null().map_err(broken("openat"))?, None)
    };
    let (output, their_output) = sys::pipe().map_err(broken("pipe2"))?;
    let (errors, their_errors) = sys::pipe().map_err(broken("pipe2"))?;
    let stdio = Stdio { ends: [theirs, their_output, their_errors], terminal: false };
    Ok((Program { pid: 0, input, output: Some(output), errors: Some(errors), terminal: None }, stdio))
}

fn broken(call: &'static str) -> impl Fn(sys::Errno) -> Failure {
    move |errno| refused("guest_exec")(sys::Error::new(trace::Call::new(call), errno as i32))
}

fn lost(error: &std::io::Error) -> Failure {
    Failure::Refused { stage: "guest_exec".to_owned(), reason: error.to_string() }
}

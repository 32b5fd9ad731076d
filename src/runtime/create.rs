//! `create`: from a bundle to a process that waits at the threshold of its program.

use super::error::Error;
use super::init::{self, Inherited};
use super::plan::{self, Plan};
use super::stage::{self, cgroup as cgroup_stage, namespaces};
use super::state::RuntimeState;
use super::{parent, sync, way_back};
use crate::cgroup;
use crate::sys;
use crate::trace::{self, Stage};
use oci_spec::runtime::Spec;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// How the container's tree becomes `/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnterRoot {
    /// pivot_root(2), the host's tree is let go of.
    PivotRoot,
    /// chroot(2), it is only out of sight: a teaching choice.
    Chroot,
}

/// What a caller decides beside the bundle.
pub struct CreateOptions {
    /// The container's id.
    pub id: String,
    /// How to enter the tree.
    pub enter_root: EnterRoot,
    /// Whether process 1 is a reaper and the program its child.
    pub init: bool,
    /// The program's standard input, output and error, when there is no terminal.
    pub stdio: Stdio,
}

/// Descriptors for standard input, output and error. A missing one stays what rlab's own is.
#[derive(Default)]
pub struct Stdio {
    /// In order: input, output, error.
    pub ends: [Option<OwnedFd>; 3],
}

impl Stdio {
    /// Gives the pipes to the program's user, by the host's number: nginx's log is a link to /dev/stdout, and to open that
    /// again asks for rights on the pipe itself. Only pipes: input may be the host's own /dev/null.
    fn give_to(&self, owner: u32, group: u32) -> sys::Result<()> {
        let pipes = self.ends.iter().flatten().filter(|end| sys::is_pipe(end));
        pipes.filter(|_| owner != 0).try_for_each(|end| sys::fchown(end, owner, group))
    }

    /// What becomes the descriptor of each number.
    fn each(&self) -> impl Iterator<Item = (i32, BorrowedFd<'_>)> {
        let own = [sys::stdin(), sys::stdout(), sys::stderr()];
        (0..).zip(self.ends.iter().zip(own).map(|(end, own)| end.as_ref().map_or(own, AsFd::as_fd)))
    }

    /// Whether one of them is the null device.
    pub fn has_null(&self) -> bool {
        self.each().any(|(_, end)| sys::is_null_device(end))
    }

    /// dup3(2) of each onto its number; of `null` in place of the host's null device.
    pub fn install(&self, null: Option<&OwnedFd>) -> sys::Result<()> {
        self.each().try_for_each(|(number, end)| match null.filter(|_| sys::is_null_device(end)) {
            Some(null) => sys::dup3(null.as_raw_fd(), number),
            None if end.as_raw_fd() == number => Ok(()),
            None => sys::dup3(end.as_raw_fd(), number),
        })
    }
}

/// A container that was created and not yet started.
pub struct Created {
    /// Its first process, as the host numbers it.
    pub pid: i32,
    /// The process that becomes the program: the first, or its child with `--init`.
    pub program: i32,
    /// Stands for that process.
    pub pidfd: OwnedFd,
    /// The outer end of its terminal, if it has one.
    pub console: Option<OwnedFd>,
    /// Its control groups.
    pub cgroup: cgroup::Cgroup,
    pub(super) socket: OwnedFd,
    pub(super) fifo: PathBuf,
    pub(super) exec: trace::Call,
}

/// Makes the container of the bundle at `bundle`, keeping the runtime's own files in `dir`.
///
/// Errors leave nothing running; what was made is in the record that [`super::delete`] works from.
pub fn create(bundle: &Path, dir: &Path, options: CreateOptions) -> Result<Created, Error> {
    let spec = load(bundle)?;
    let plan = Plan::new(&spec, bundle, &options, &cgroup::Layout::detect()?)?;
    let mut state =
        RuntimeState { id: options.id, bundle: bundle.to_owned(), process: None, cgroup: Some(plan.group.clone()) };
    state.save(dir)?; // before the first thing is made: what isn't written down can't be taken away
    let group = trace::stage(Stage::Cgroup, || cgroup_stage::apply(&plan.cgroup))?;
    let fifo = dir.join("exec.fifo");
    let (ours, theirs) = sys::message_pair().map_err(|errno| refused("socketpair", errno as i32))?;
    let (pid, pidfd) = trace::stage(Stage::Namespaces, || {
        sys::make_fifo(&fifo).map_err(named)?; // where the program will wait to be started
        let (uid, gid) = plan.owner_outside();
        options.stdio.give_to(uid, gid).map_err(named)?;
        let fifo = sys::open_path(&fifo).map_err(named)?;
        let inherited = Inherited { socket: theirs, fifo, parents_end: ours.as_raw_fd(), stdio: options.stdio };
        let (pid, pidfd) = spawn(&plan, inherited)?;
        state.process = sys::start_ticks(pid).map(|time| (pid, time));
        state.save(dir)?;
        cgroup_stage::join(&group, pid)?;
        sync::send(ours.as_fd(), &sync::ToInit::Go, None);
        parent::expect_joined(&ours, pid)?;
        namespaces::tell(pid);
        Ok::<_, Error>((pid, pidfd))
    })?;
    stage::run(Stage::IdMappings, || stage::id_mappings::apply(&plan, pid))?;
    let waiting = parent::let_it_prepare(&ours, pid, &pidfd)?;
    let exec = sys::execve_call(Path::new(&waiting.program), &plan.args, &plan.env);
    Ok(Created { pid, program: waiting.pid, pidfd, console: waiting.console, cgroup: group, socket: ours, fifo, exec })
}

/// The clone. The child goes its own way from here and never comes back.
fn spawn(plan: &Plan, inherited: Inherited) -> Result<(i32, OwnedFd), Error> {
    match sys::thread_count() {
        1 => {}
        more => return Err(Error::Threads(more)),
    }
    let way_back = way_back::join_before_clone(plan).map_err(named)?;
    let cloned = namespaces::clone(plan);
    if matches!(cloned, Ok(sys::Cloned::Child)) {
        init::main(plan, &inherited)
    }
    // Before the clone's own error: what is cleared up next must not be looked for in the container's namespaces.
    way_back::step_back(way_back).map_err(named)?;
    match cloned.map_err(named)? {
        // `inherited` is dropped here: were our copy of init's socket open, we would never see that init is gone.
        sys::Cloned::Parent { pid, pidfd } => Ok((pid, pidfd)),
        sys::Cloned::Child => init::main(plan, &inherited),
    }
}

fn named(error: sys::Error) -> Error {
    Error::Stage { stage: trace::current_stage().id().to_owned(), error }
}

fn refused(call: &'static str, errno: i32) -> Error {
    named(sys::Error::new(trace::Call::new(call), errno))
}

fn load(bundle: &Path) -> Result<Spec, Error> {
    let path = bundle.join("config.json");
    let bad = |reason: String| Error::Bundle { bundle: bundle.to_owned(), reason };
    let text = std::fs::read(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => bad(format!("config.json: {error}")),
        _ => Error::State { path: path.clone(), error },
    })?;
    Ok(plan::spec(&text)?)
}

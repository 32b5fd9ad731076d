//! Init: the process inside, from its birth until it becomes the program.
//!
//! The order below is the kernel's, not a taste. Each stage's file says what it must come after, and what breaks if not.

use super::error::Failure;
use super::plan::Plan;
use super::stage::{
    self, capabilities, chroot, devices, exec, hostname, id_mappings, masked_paths, mounts, namespaces, pivot_root,
    rlimits, seccomp, sysctl, user,
};
use super::sync::{FromInit, ToInit, receive, send};
use super::{EnterRoot, create::Stdio};
use crate::sys::{self, rootdir::RootDir};
use crate::trace::{self, Actor, Stage};
use std::convert::Infallible;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// What init got from its parent, besides the plan.
pub struct Inherited {
    /// Init's end of the conversation.
    pub socket: OwnedFd,
    /// The exec fifo, by O_PATH: its path is out of reach after pivot_root.
    pub fifo: OwnedFd,
    /// The number of the parent's end, of which the clone made a copy.
    pub parents_end: i32,
    /// What becomes standard input, output and error, when there is no terminal.
    pub stdio: Stdio,
}

impl Inherited {
    /// The numbers of all that init needs. The rest of what the clone copied is the parent's: its locks would look held
    /// when it is gone.
    fn descriptors(&self) -> Vec<i32> {
        let ends = self.stdio.ends.iter().flatten().map(AsRawFd::as_raw_fd);
        let own = [self.socket.as_raw_fd(), self.fifo.as_raw_fd()];
        ends.chain(own).chain(trace::descriptor()).collect()
    }
}

/// Runs in the child and never comes back: the process becomes the program, or ends.
pub fn main(plan: &Plan, inherited: &Inherited) -> ! {
    let Err(failure) = run(plan, inherited);
    send(inherited.socket.as_fd(), &FromInit::Failed(failure), None);
    sys::exit_now(1)
}

// ANCHOR: order
fn run(plan: &Plan, inherited: &Inherited) -> Result<Infallible, Failure> {
    let socket = inherited.socket.as_fd();
    join(plan, inherited)?;
    let tree = stage::run(Stage::Mounts, || mounts::apply(plan))?;
    stage::run(Stage::Devices, || {
        let terminal = devices::apply(plan, &tree)?;
        take_stdio(inherited, terminal, &tree)
    })?;
    drop(tree); // a descriptor of a directory is a way out, if it lives on into the program
    match plan.enter_root {
        EnterRoot::PivotRoot => stage::run(Stage::PivotRoot, || pivot_root::apply(plan))?,
        EnterRoot::Chroot => stage::run(Stage::Chroot, || chroot::apply(plan))?,
    }
    stage::run(Stage::Hostname, || hostname::apply(plan))?;
    stage::run(Stage::Sysctl, || sysctl::apply(plan))?; // before /proc/sys becomes read-only
    stage::run(Stage::MaskedPaths, || masked_paths::apply(plan))?;
    stage::run(Stage::Rlimits, || rlimits::apply(plan))?;
    if !plan.no_new_privileges {
        stage::run(Stage::Seccomp, || seccomp::apply(plan))?; // takes CAP_SYS_ADMIN, which is about to go
    }
    stage::run(Stage::User, || user::apply(plan))?;
    stage::run(Stage::Capabilities, || capabilities::apply(plan))?;
    if plan.no_new_privileges {
        stage::run(Stage::Seccomp, || seccomp::apply(plan))?; // as late as possible: it binds us, too
    }
    stage::run(Stage::Exec, || {
        if plan.init {
            super::reaper::fork()?; // what follows is its child's
            send(socket, &FromInit::Forked, None);
            let Some((ToInit::Number(pid), _)) = receive(socket) else { sys::exit_now(1) };
            trace::become_actor(Actor::Init, pid);
        }
        let program = exec::prepare(plan)?;
        send(socket, &FromInit::Ready { program: program.to_string_lossy().into_owned() }, None);
        exec::wait_for_start(&inherited.fifo)?;
        exec::execve(plan, &program)
    })
}
// ANCHOR_END: order

/// Up to being in every namespace, and having a number there.
fn join(plan: &Plan, inherited: &Inherited) -> Result<(), Failure> {
    let socket = inherited.socket.as_fd();
    let named = |refusal| stage::name(Stage::Namespaces, refusal);
    trace::become_actor(Actor::Init, sys::number_outside());
    trace::resume(Stage::Namespaces);
    sys::close_copy(inherited.parents_end); // while we hold it, the parent's death would leave us waiting for ever
    let Some((ToInit::Go, _)) = receive(socket) else { sys::exit_now(1) };
    // After the parent's word: only then it has told of the clone, and what is born later is told later.
    sys::close_all_but(&inherited.descriptors()).map_err(|error| named(error.into()))?;
    // What runs in the container already could otherwise look at us through /proc, and by /proc/PID/exe reach rlab's
    // own file, to overwrite it (CVE-2019-5736 was that, in runc). execve sets this back for the program.
    sys::set_undumpable().map_err(|error| named(error.into()))?;
    namespaces::join(plan).map_err(named)?;
    send(socket, &FromInit::Joined, None);
    let Some((ToInit::Mapped, _)) = receive(socket) else { sys::exit_now(1) };
    if plan.creates(sys::CLONE_NEWUSER) {
        trace::resume(Stage::IdMappings);
        id_mappings::become_root().map_err(|refusal| stage::name(Stage::IdMappings, refusal))?;
    }
    Ok(())
}

/// A session of its own, and its own standard input, output and error.
fn take_stdio(inherited: &Inherited, terminal: Option<(OwnedFd, OwnedFd)>, tree: &RootDir) -> stage::Outcome {
    // Ctrl-C goes to the foreground process group of a terminal. Without a session of its own, the program would be in
    // it and get the signals that are meant for rlab, which passes them on by itself.
    sys::setsid()?;
    let Some((outer, inner)) = terminal else {
        let null = if inherited.stdio.has_null() { Some(devices::own_null(tree)?) } else { None };
        return Ok(inherited.stdio.install(null.as_ref())?);
    };
    send(inherited.socket.as_fd(), &FromInit::Console, Some(outer.as_fd()));
    sys::set_controlling_terminal(inner.as_fd())?;
    Ok(sys::become_stdio(inner.as_fd())?)
}

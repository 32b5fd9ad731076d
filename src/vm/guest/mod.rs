//! rlab as the first process of a virtual machine.
//!
//! The kernel has unpacked the initramfs and started this file as process 1. There is no other program, no disk yet and no
//! one to ask: whatever the machine is to be, it becomes from here. What `stage/` does for a container, this does for a
//! whole system; most of it is simpler, because there is no other system from which it would have to be kept apart.

mod channel;
mod drivers;
mod link;
mod program;
mod relay;
mod tree;

use super::order::{Order, Piece, refused};
use crate::engine::resolve_user;
use crate::shim::{Failure, plain};
use crate::sys;
use crate::trace::{self, Actor, Stage};
use channel::Channel;
pub use link::{ADDRESS, GATEWAY, RESOLV_CONF};
use std::fs::OpenOptions;
use std::path::Path;

/// The hidden command by which rlab knows that it is process 1 of a machine. The kernel passes it on from its own command
/// line.
pub const COMMAND: &str = "vm-guest";
/// Said after the command when the host wants to know what happens.
pub const TOLD: &str = "told";
/// Where events lie until they are sent: in the initramfs, which is memory.
const TRACE: &str = "/trace.jsonl";

/// Process 1: from the kernel's first instruction for it to the machine's last. It never comes back.
pub fn main(args: &[String]) -> ! {
    if args.first().is_some_and(|arg| arg == TOLD) {
        listen();
    }
    if let Err(reason) = live() {
        // On the console: it is the only way out that needs no driver.
        let _nobody_reads = sys::write(sys::stderr(), format!("rlab: {reason}\n").as_bytes());
    }
    // QEMU was told to end where a machine would start anew, so this is its end, too.
    let _refused = sys::power_off();
    let _refused = sys::restart();
    // Only a kernel that does neither comes here. When process 1 ends, the kernel panics, and that ends the machine as well.
    sys::exit_now(1)
}

fn listen() {
    if let Ok(file) = OpenOptions::new().create(true).append(true).open(TRACE) {
        trace::open(file, sys::shared_counter(), None);
        trace::become_actor(Actor::Guest, Some(sys::getpid()));
    }
}

/// The machine's life. What goes wrong before the channel is there can only be said on the console.
fn live() -> Result<(), String> {
    let mut channel = None;
    let Err(failure) = serve(&mut channel) else { return Ok(()) };
    let said = channel.as_mut().map(|channel| {
        channel.send_events();
        channel.send(&Piece::Failed(Box::new(failure.clone())))?;
        channel.finish();
        Ok::<_, Failure>(())
    });
    if matches!(said, Some(Ok(()))) { Ok(()) } else { Err(crate::shim::RuntimeError::from(failure).to_string()) }
}

/// The two stages of the guest, and then the program's life. `channel` is filled as soon as there is one.
fn serve(channel: &mut Option<Channel>) -> Result<(), Failure> {
    let (channel, order, process) = trace::stage(Stage::GuestInit, || {
        tree::begin()?;
        drivers::load()?;
        let channel = channel.insert(Channel::open(TRACE)?);
        channel.send(&Piece::Here)?;
        let order = channel.order()?;
        let process = become_system(&order)?;
        Ok::<_, Failure>((channel, order, process))
    })?;
    channel.send_events();
    let program = trace::stage(Stage::GuestExec, || program::start(&order, &process))?;
    channel.send_events();
    // From here on what it does belongs to the waiting, which the host tells of.
    trace::resume(Stage::GuestWait);
    relay::run(channel, program)
}

/// The order, step by step. After it `/` is the image's tree, and the program can be started.
fn become_system(order: &Order) -> Result<plain::Process, Failure> {
    let root = tree::stack()?;
    tree::fill(&root, order)?;
    // An image may name a directory that it does not have, and so may a user.
    root.make_dir(&order.cwd).map_err(refused("guest_init"))?;
    sys::sethostname(&order.hostname).map_err(refused("guest_init"))?;
    if order.network {
        link::set_up()?;
    }
    for (name, value) in &order.sysctl {
        let path = Path::new("/proc/sys").join(name.replace('.', "/"));
        sys::write_file(&path, value).map_err(refused("guest_init"))?;
    }
    let unknown = |error: crate::engine::Error| Failure::Refused {
        stage: Stage::GuestInit.id().to_owned(),
        reason: error.to_string(),
    };
    let user = resolve_user(&order.user, &root).map_err(unknown)?;
    tree::enter(order.read_only)?;
    let mut env = order.env.clone();
    if !env.iter().any(|entry| entry.starts_with("HOME=")) {
        env.push(format!("HOME={}", user.home));
    }
    Ok(plain::Process {
        args: order.args.clone(),
        env,
        cwd: order.cwd.clone(),
        uid: user.uid,
        gid: user.gid,
        groups: user.groups,
    })
}

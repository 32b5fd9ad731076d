//! `rlab vm run`, as a recipe. Beside it: `engine/run.rs`, the same with a container at its end.

use super::boot_log;
use super::diagnose::{Ending, diagnose};
use super::error::{Error, refused};
use super::machine::command::Forward;
use super::machine::{Answer, Outcome, Reached, Session, start};
use super::options::MachineOptions;
use super::prepare::{find_kernel, forwards, make_disk, order};
use super::shares::{self, Serving};
use crate::engine::container::{Container, Record};
use crate::engine::{self, Home, Sources, Telling, command, go_on, heeding, image_config, obtain};
use crate::image::reference::Reference;
use crate::image::store::Store;
use crate::shim::Signals;
use crate::sys::{self, Ended};
use crate::trace::{self, Actor, Stage};
use crate::{image, network, shim};
use serde_json::json;
use std::time::Duration;

/// QEMU's program for this processor.
const QEMU: &str = "qemu-system-x86_64";
/// How long a kernel may take to its first words. Emulated and on a busy host it takes seconds; one that hangs, for ever.
const FIRST_WORDS: Duration = Duration::from_secs(60);
/// How long it may take from there to process 1, and process 1 to the program.
const BOOT: Duration = Duration::from_secs(300);
/// How long the guest may take to switch itself off after it has told the exit status.
const POWER_OFF_MS: u16 = 10_000;

/// Runs an image's program in a machine and gives its exit code.
pub fn run(home: &Home, options: &MachineOptions, sources: &Sources<'_>, telling: Telling) -> Result<u8, Error> {
    if sys::geteuid() != 0 {
        return Err(engine::Error::NotRoot(sys::geteuid()).into());
    }
    let reference: Reference = options.image.parse().map_err(image::Error::from).map_err(engine::Error::from)?;
    let store = Store::open(&home.root).map_err(engine::Error::from)?;
    let broken = |errno| engine::Error::from(shim::Error::Streams { what: "signalfd4", errno });
    let mut signals = Signals::new().map_err(broken)?;
    let mut container = Container::new(home, Record::new(&options.image, options.name.clone())?)?;
    if let Some(replay) = telling.replay {
        trace::acting(Actor::Vm, || engine::listen(home, &container, replay))?;
    }
    let machine = trace::acting(Actor::Vm, || {
        put_together(home, options, sources, &reference, &store, &mut container, &mut signals)
    });
    let ended = match machine {
        Ok(machine) => trace::acting(Actor::Vm, || live(machine, options, &container)),
        Err(error) => {
            container.abandon();
            Err(error)
        }
    };
    trace::finish();
    Ok(ended?.code())
}

/// A machine that was switched on, and what is said about it.
struct On<'a> {
    session: Session<'a>,
    args: Vec<String>,
    shared: Vec<Serving>,
    forwards: Vec<Forward>,
}

/// From the image to the power switch.
fn put_together<'a>(
    home: &Home,
    options: &MachineOptions,
    sources: &Sources<'_>,
    reference: &Reference,
    store: &Store,
    container: &mut Container,
    signals: &'a mut Signals,
) -> Result<On<'a>, Error> {
    let image = trace::acting(Actor::Engine, || heeding(signals, container, || obtain(store, reference, sources)))?;
    let config = store.config(&image).map_err(engine::Error::from)?.config;
    image_config::check(&config, options.workdir.as_deref())?;
    let args = command(&options.image, options.entrypoint.as_deref(), &options.command, &config)?;
    let cache = home.root.join("vm");
    let qemu = sys::find_program(QEMU).ok_or(Error::NoQemu)?;
    let boot = trace::stage(Stage::Kernel, || find_kernel(&cache, options, sources))?;
    go_on(signals)?;
    let disk = trace::stage(Stage::Disk, || make_disk(&cache, store, &image, container))?;
    go_on(signals)?;
    let planned = shares::plan(&options.binds, boot.sharing)?;
    let order = order(options, container, &config, args, planned.iter().map(|one| one.share.clone()).collect());
    let started = trace::stage(Stage::Machine, || {
        let shared = shares::serve(planned, container)?;
        let forwards = options.network.then(|| forwards(options)).transpose()?;
        let parts = start::Wanted {
            cache: &cache,
            qemu: &qemu,
            options,
            boot: &boot,
            disk,
            shared: &shared,
            forwards: forwards.clone(),
        };
        let session = start::start(parts, &order, sources.announce, signals)?;
        Ok::<_, Error>((session, shared, forwards.unwrap_or_default()))
    });
    let (session, shared, forwards) = started?;
    Ok(On { session, args: order.args, shared, forwards })
}

/// From power to the program's end, and the machine's.
fn live(mut machine: On<'_>, options: &MachineOptions, container: &Container) -> Result<Ended, Error> {
    let lived = bring_up(&mut machine);
    let On { session, shared, .. } = &mut machine;
    let (qemu_ended, said, error) = trace::stage(Stage::PowerOff, || {
        let asked_itself = matches!(lived, Outcome::Ended(_) | Outcome::Failed(_));
        let off = session.switch_off(if asked_itself { POWER_OFF_MS } else { 0 }).map_err(refused("power_off"));
        // Before the undoing: as long as a directory is served, its mount is busy.
        shared.clear();
        // A machine keeps nothing: what the guest wrote was in its memory.
        let (counts, error) = container.journal.undo();
        let (qemu_ended, said) = off?;
        trace::note("machine_ended", || json!({"pid": session.pid(), "how": how(qemu_ended)}));
        trace::note("undone", || json!({"things": engine::listed(&counts)}));
        Ok::<_, Error>((qemu_ended, said, error))
    })?;
    // What went wrong before is no failure of the switching off, and is told before what could not be taken away.
    let ended = judge(lived, session, qemu_ended, &said, options)?;
    error.map_or(Ok(ended), |error| Err(error.into()))
}

/// From power to the program's end. What a stage waits for in vain is its failure, and the reason is found afterwards.
fn bring_up(machine: &mut On<'_>) -> Outcome {
    let On { session, args, forwards, .. } = machine;
    let steps: [(Stage, Reached, Duration); 2] =
        [(Stage::Firmware, Reached::Kernel, FIRST_WORDS), (Stage::Boot, Reached::Guest, BOOT)];
    for (stage, reached, limit) in steps {
        let outcome = trace::stage(stage, || {
            let outcome = session.until(reached, limit);
            if stage == Stage::Boot {
                tell_boot(&session.console.text());
            }
            if outcome == Outcome::Reached { Ok(()) } else { Err(outcome) }
        });
        if let Err(outcome) = outcome {
            return outcome;
        }
    }
    // The guest tells of its own two stages itself.
    match session.until(Reached::Program, BOOT) {
        Outcome::Reached => {}
        outcome => return outcome,
    }
    let answered = trace::stage(Stage::FirstAnswer, || {
        first_answer(session, forwards);
        Ok::<_, Outcome>(())
    });
    let waited = answered.and_then(|()| {
        trace::stage(Stage::GuestWait, || {
            // One that was quick is over by now.
            if !session.is_over() {
                trace::note("running_in_machine", || running(args, forwards));
                trace::pump();
            }
            session.go_raw();
            let ended = session.until_ended();
            session.restore();
            Ok(ended)
        })
    });
    waited.unwrap_or_else(|outcome| outcome)
}

fn tell_boot(console: &str) {
    if !trace::enabled() {
        return;
    }
    for group in boot_log::groups(&boot_log::parse_console(console)) {
        trace::work(
            "boot",
            || json!({"group": group.name, "lines": group.lines, "from_ms": group.from_us / 1000, "took_ms": group.took_us / 1000, "told": group.told}),
        );
    }
}

/// Asks at the first published port until something comes back. Only for the story: without a listener nobody is asked.
fn first_answer(session: &mut Session<'_>, forwards: &[Forward]) {
    let tcp = forwards.iter().find(|forward| forward.protocol == network::Protocol::Tcp);
    let Some(forward) = tcp.filter(|_| trace::enabled()) else {
        return trace::skip("guest_no_port");
    };
    let mut answer = Answer::at(forward.host_ip, forward.host_port);
    let begun = std::time::Instant::now();
    session.go_raw();
    let outcome = session.until_looked(|| match answer.turn() {
        Some(status) => {
            let after_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            trace::work("answer", || json!({"url": answer.url(), "status": status, "after_ms": after_ms}));
            true
        }
        None => false,
    });
    if outcome != Outcome::Reached {
        trace::skip("guest_ended_first");
    }
}

fn running(args: &[String], forwards: &[Forward]) -> serde_json::Value {
    let program = args.first().map_or("", |program| program.rsplit('/').next().unwrap_or(program));
    let urls: Vec<String> = forwards.iter().map(|one| format!("http://localhost:{}", one.host_port)).collect();
    let reach =
        if urls.is_empty() { String::new() } else { format!(" Try {} from another terminal.", urls.join(", ")) };
    json!({"program": program, "reach": reach})
}

/// What it all came to.
fn judge(
    outcome: Outcome,
    session: &Session<'_>,
    qemu_ended: Ended,
    said: &str,
    options: &MachineOptions,
) -> Result<Ended, Error> {
    match outcome {
        Outcome::Ended(ended) => Ok(ended),
        Outcome::Failed(failure) => Err(Error::Guest((*failure).into())),
        Outcome::Interrupted(signal) => Err(Error::Interrupted(sys::signal_name(signal))),
        Outcome::Garbled(garbled) => Err(Error::Garbled(garbled)),
        Outcome::Reached | Outcome::Dead | Outcome::Silent => {
            let stage = match session.reached() {
                Reached::Power => Stage::Firmware,
                Reached::Kernel => Stage::Boot,
                Reached::Guest => Stage::GuestInit,
                Reached::Program => Stage::GuestWait,
            };
            let ended = (outcome == Outcome::Dead).then(|| match qemu_ended {
                Ended::Exited(status) => Ending::Status(status),
                Ended::Signalled(signal) => Ending::Signal(sys::signal_name(signal)),
            });
            let diagnosis = diagnose(&session.console.text(), said, ended, options.memory_mib, stage);
            Err(Error::Machine { stage: stage.id(), diagnosis: Box::new(diagnosis) })
        }
    }
}

fn how(ended: Ended) -> String {
    match ended {
        Ended::Exited(status) => format!("Its exit status was {status}."),
        Ended::Signalled(signal) => format!("{} ended it.", sys::signal_name(signal)),
    }
}

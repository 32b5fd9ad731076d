//! What one more idle instance costs: 1, 2, 4 and 8 of each side wait for nothing, and the line through their memory is drawn.
//!
//! The program is the `lab` image's web server, waiting in poll(2): one process, which says when it is up. Two sums are kept.
//! PSS of all processes counts what is mapped. What the host has less of, by MemAvailable, also counts the kernel's own:
//! page tables, sockets, network devices; but whatever else happens on the host meanwhile is in it, too.

use super::child::Running;
use super::line::Line;
use super::plan::{LAB, LIMIT, Plan};
use super::processes::{Snapshot, memory_available_bytes};
use super::report::{Crowd, Point};
use super::{Error, Side, facts, serve};
use std::time::Duration;

/// Each step doubles: with few starts the line spans much.
const STEPS: [u64; 4] = [1, 2, 4, 8];
/// What is left to the host, and to whoever else works on it.
const RESERVE_BYTES: u64 = 512 << 20;
/// A guest that has just started still tidies up.
const REST: Duration = Duration::from_secs(1);
const UP: &str = "listens on port";

/// All steps of one side.
pub fn run(plan: &mut Plan<'_>, side: Side) -> Result<(), Error> {
    let before = available()?;
    let mut crowd = Crowd::default();
    let mut instances: Vec<Running> = Vec::new();
    let grown = grow(plan, side, before, &mut crowd, &mut instances);
    // All are asked before the first is waited for: eight ends at once take not much longer than one.
    for instance in &mut instances {
        let _told_by_drop = instance.ask_to_end();
    }
    drop(instances);
    let of = |value: fn(&Point) -> f64| {
        let points: Vec<(f64, f64)> = crowd.points.iter().map(|point| (point.instances as f64, value(point))).collect();
        Line::through(&points)
    };
    (crowd.pss, crowd.taken) = (of(|point| point.pss_bytes as f64), of(|point| point.taken_bytes as f64));
    match side {
        Side::Container => plan.report.density.container = crowd,
        Side::Machine => plan.report.density.machine = crowd,
    }
    grown
}

fn grow(
    plan: &mut Plan<'_>,
    side: Side,
    before: u64,
    crowd: &mut Crowd,
    instances: &mut Vec<Running>,
) -> Result<(), Error> {
    for step in STEPS.into_iter().filter(|step| *step <= plan.options.instances) {
        let more = step.saturating_sub(instances.len() as u64);
        if let Some(reason) = too_many(step, more, plan.options.memory_bytes, available()?) {
            plan.report.density.fewer.push(format!("{}: {reason}", side.word()));
            break;
        }
        (plan.tell)(&format!("{step} idle {}{}", side.word(), if step == 1 { "" } else { "s" }));
        let first_new = instances.len();
        for _ in 0..more {
            instances.push(plan.launcher.start(side, &[], LAB, &["httpd"])?);
        }
        for instance in &mut instances[first_new..] {
            instance.says(UP, LIMIT)?;
        }
        for instance in instances.iter_mut() {
            // Read on while waiting; together they are given this long once, the last one whole.
            instance.watch(if instance.age() < REST { REST } else { Duration::ZERO })?;
        }
        std::thread::sleep(REST);
        let snapshots: Vec<Snapshot> = instances.iter().map(|instance| Snapshot::below(instance.pid())).collect();
        let pss_bytes = snapshots.iter().map(|snapshot| snapshot.bytes(|_| true)).sum();
        let taken_bytes = before.cast_signed() - available()?.cast_signed();
        crowd.points.push(Point { instances: step, pss_bytes, taken_bytes });
        if let ([snapshot], true) = (&snapshots[..], plan.report.side(side).processes.0.is_empty()) {
            serve::sample_memory(plan, side, snapshot);
            facts::look(plan.report.side(side), snapshot.clone());
        }
    }
    Ok(())
}

fn available() -> Result<u64, Error> {
    let missing = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    memory_available_bytes().ok_or_else(|| Error::File { path: "/proc/meminfo".into(), error: missing() })
}

/// Why there is no room for so many more, if there is none. Each may take all that it was given.
fn too_many(step: u64, more: u64, memory_bytes: u64, available_bytes: u64) -> Option<String> {
    let needed = more.saturating_mul(memory_bytes).saturating_add(RESERVE_BYTES);
    let mib = |bytes: u64| bytes >> 20;
    (needed > available_bytes).then(|| {
        format!(
            "no {step} at once: {more} more may take {} MiB each, and the host has {} MiB left, of which {} stay free",
            mib(memory_bytes),
            mib(available_bytes),
            mib(RESERVE_BYTES)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_too_little_memory_is_spared() {
        assert_eq!(too_many(8, 4, 256 << 20, 2 << 30), None);
        let reason = too_many(8, 4, 512 << 20, 2 << 30).unwrap();
        assert!(reason.starts_with("no 8 at once: 4 more may take 512 MiB each, and the host has 2048 MiB left"));
        assert!(too_many(8, 4, u64::MAX, u64::MAX - 1).is_some());
    }
}

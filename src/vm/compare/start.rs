//! Start: from rlab's fork to the first byte that the program writes.
//!
//! The clock is the host's CLOCK_MONOTONIC, read just before rlab is forked and again when the first byte can be read from
//! its standard output. In between lies all of rlab, not the engine's part alone: what a user waits for. The program is the
//! smallest there is, so that its own time is not what is measured; its image, `lab`, costs both sides the same extra step, a
//! look whether it was packed from this very rlab. The end is measured by the same clock, when rlab has
//! ended and both its pipes are closed.

use super::plan::{LIMIT, Plan};
use super::processes::Snapshot;
use super::report::{Kind, Part, Unit};
use super::{Error, Side, disk};
use crate::sys;
use std::path::Path;
use std::time::Duration;

/// How long a program of the user's is waited for before it is asked to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything that was read before is in the page cache.
pub const WARM: Kind = Kind {
    id: "start_warm",
    name: "start: first byte said",
    part: Part::Time,
    unit: Unit::Seconds,
    how: "host's monotonic clock, from the fork of rlab to the first byte on its standard output; page cache warm; \
          the image lab was packed from this rlab before",
};

/// The same until rlab has ended.
pub const WHOLE: Kind = Kind {
    id: "whole_warm",
    name: "start to end of rlab",
    part: Part::Time,
    unit: Unit::Seconds,
    how: "host's monotonic clock, from the fork of rlab until it has ended and its pipes are closed; page cache warm",
};

/// Nothing is in the page cache.
pub const COLD: Kind = Kind {
    id: "start_cold",
    name: "start, page cache dropped",
    part: Part::Time,
    unit: Unit::Seconds,
    how: "as start_warm, after sync(2) and writing 3 to /proc/sys/vm/drop_caches on the host: rlab, layers, disk image, \
          kernel and QEMU are read from the disk again; what rlab has unpacked and built stays",
};

/// One run.
pub fn run(plan: &mut Plan<'_>, side: Side) -> Result<(), Error> {
    let (image, command) = plan.quick();
    let mut running = plan.launcher.start(side, &[], image, &command)?;
    let first = running.first_byte(LIMIT)?;
    plan.report.sample(&WARM, side, first.as_secs_f64());
    // The machines below run the image lab: this is the only one that shows which files the user's image takes.
    if plan.is_users_own() && plan.report.side(side).files.is_empty() {
        let command_line = Snapshot::below(running.pid()).qemu_command_line().unwrap_or_default();
        plan.report.side(side).files = disk::files_of(&command_line);
    }
    // A program of the user's may be one that goes on.
    if plan.is_users_own() && !running.ends_within(PATIENCE)? {
        return running.stop().map(drop);
    }
    let finished = running.finish(LIMIT)?;
    plan.report.sample(&WHOLE, side, finished.took.as_secs_f64());
    Ok(())
}

/// One run with nothing in the page cache.
pub fn run_cold(plan: &mut Plan<'_>, side: Side) -> Result<(), Error> {
    sys::sync();
    sys::write_file(Path::new("/proc/sys/vm/drop_caches"), "3")?;
    let (image, command) = plan.quick();
    let mut running = plan.launcher.start(side, &[], image, &command)?;
    let first = running.first_byte(LIMIT)?;
    running.stop()?;
    plan.report.sample(&COLD, side, first.as_secs_f64());
    Ok(())
}

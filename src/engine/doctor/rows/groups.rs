//! Control groups: the arrangement, and each controller.

use crate::cgroup::{Obstacle, Standing};
use crate::engine::doctor::rows::as_root;
use crate::engine::doctor::{Facts, Row};
use crate::sys;

/// See the file's opening.
pub fn rows(facts: &Facts) -> Vec<Row> {
    let layout = match facts.cgroups.as_deref() {
        Ok("hybrid") => {
            Row::ok("cgroups", "hybrid: some controllers in v1, the rest in v2; rlab uses each where it is")
        }
        Ok(name) => Row::ok("cgroups", format!("{name} alone")),
        Err(reason) => Row::missing("cgroups", reason, "mount -t cgroup2 cgroup2 /sys/fs/cgroup"),
    };
    let controllers = facts.controllers.iter().map(|standing| controller(facts, standing));
    std::iter::once(layout).chain(controllers).collect()
}

fn controller(facts: &Facts, standing: &Standing) -> Row {
    let (name, what) = (format!("cgroup {}", standing.controller), standing.used_for);
    let (version, base) = match &standing.place {
        Ok(place) => place,
        Err(lack) => {
            let fix = lack.hint(&standing.controller);
            return Row::limited(name, format!("{} {lack}; without it: {what}", standing.controller), fix);
        }
    };
    let place = format!("{version}, {}", base.display());
    match standing.obstacle {
        None => Row::ok(name, format!("{place} ({what})")),
        Some(Obstacle::NotWritable(errno)) => Row::limited(
            name,
            format!(
                "{place}, and it can't be written: {} ({})",
                sys::errno_text(errno as i32),
                sys::errno_name(errno as i32)
            ),
            as_root(facts, "mount -o remount,rw; in a container: docker run --privileged"),
        ),
        Some(Obstacle::Inhabited) => Row::limited(
            name,
            format!("{place}, and that group holds processes itself: it can't hand controllers down"),
            format!(
                "mkdir {0}/init; for p in $(cat {0}/cgroup.procs); do echo $p > {0}/init/cgroup.procs; done",
                base.display()
            ),
        ),
    }
}

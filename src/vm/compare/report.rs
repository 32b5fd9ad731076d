//! What a comparison found, as `--format json` prints it. The shape is a promise: `v` counts its changes.

use super::line::Line;
use super::processes::Snapshot;
use super::published::Figure;
use super::side::Side;
use serde::Serialize;

/// The version of this shape.
pub const VERSION: u32 = 1;

/// Everything that was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The version of this shape.
    pub v: u32,
    /// The image that was asked for, by name.
    pub image: String,
    /// The command that was asked for; empty for the image's own.
    pub command: Vec<String>,
    /// What was run to see how long a start takes.
    pub started: String,
    /// How often each side was run for a measurement.
    pub runs: usize,
    /// Who was first in each pair of runs.
    pub order: &'static str,
    /// What both sides were given as `-m`.
    pub memory: String,
    /// When, RFC 3339.
    pub measured_at: String,
    /// The machine that it was measured on.
    pub host: Host,
    /// The two sides.
    pub container: SideFacts,
    /// The two sides.
    pub machine: SideFacts,
    /// What was measured, with all samples.
    pub measures: Vec<Measure>,
    /// What more of them cost.
    pub density: Density,
    /// What must not be concluded from this.
    pub cautions: Vec<String>,
    /// Figures that others published.
    pub published: Vec<Figure>,
}

impl Report {
    /// One side's facts.
    pub fn side(&mut self, side: Side) -> &mut SideFacts {
        match side {
            Side::Container => &mut self.container,
            Side::Machine => &mut self.machine,
        }
    }

    /// Keeps a sample.
    pub fn sample(&mut self, kind: &Kind, side: Side, value: f64) {
        let at = self.measures.iter().position(|measure| measure.id == kind.id).unwrap_or_else(|| {
            self.measures.push(Measure::of(kind));
            self.measures.len() - 1
        });
        match side {
            Side::Container => self.measures[at].container.push(value),
            Side::Machine => self.measures[at].machine.push(value),
        }
    }
}

/// The host, outside of both.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Host {
    /// Its kernel's release.
    pub kernel: String,
    /// The processor's name.
    pub cpu: String,
    /// How many of them.
    pub cpus: usize,
    /// Its memory.
    pub memory_bytes: u64,
    /// How many tasks wanted a processor in the minute before, see /proc/loadavg in proc(5).
    pub load: f64,
    /// Whether it is a virtual machine itself, as its processor says.
    pub is_virtual: bool,
    /// rlab's version.
    pub rlab: String,
    /// Whether this rlab was built without optimisation.
    pub debug_build: bool,
}

/// What is known of one side.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SideFacts {
    /// How it was run.
    pub typed: String,
    /// Why it could not be measured, or not to the end.
    pub failed: Option<String>,
    /// The kernel's release inside.
    pub kernel: Option<String>,
    /// QEMU's accelerator, from its own command line.
    pub accelerator: Option<String>,
    /// The machine's processors, from the same.
    pub cpus: Option<String>,
    /// QEMU's version.
    pub qemu: Option<String>,
    /// The processes that the host sees while it runs.
    pub processes: Snapshot,
    /// The files it needs, with their sizes.
    pub files: Vec<FileSize>,
}

/// A file or a tree on the host's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileSize {
    /// What for.
    pub what: String,
    /// Where.
    pub path: String,
    /// As long as it says it is.
    pub apparent_bytes: u64,
    /// What it takes on the disk; less where it has holes, more where files are smaller than a block.
    pub allocated_bytes: u64,
}

/// A measurement, as the code knows it.
pub struct Kind {
    /// Its name in JSON.
    pub id: &'static str,
    /// Its name in a table.
    pub name: &'static str,
    /// Which table part it belongs to.
    pub part: Part,
    /// Of which unit.
    pub unit: Unit,
    /// What exactly is measured, by which clock, from where to where.
    pub how: &'static str,
}

/// The parts of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Starting and stopping.
    Time,
    /// Memory.
    Memory,
    /// Disk.
    Disk,
    /// What the host sees.
    Seen,
    /// Work done inside.
    Inside,
}

/// Units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Bytes.
    #[serde(rename = "B")]
    Bytes,
    /// A number of things.
    #[serde(rename = "")]
    Count,
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Millions of bytes in a second.
    #[serde(rename = "MB/s")]
    Rate,
    /// Requests in a second.
    #[serde(rename = "requests/s")]
    Requests,
}

/// A measurement with its samples.
#[derive(Clone, Debug, Serialize)]
pub struct Measure {
    /// Its name here.
    pub id: &'static str,
    /// Its name in the table.
    pub name: &'static str,
    /// Its part of the table.
    pub part: Part,
    /// Of which unit.
    pub unit: Unit,
    /// What exactly is measured.
    pub how: &'static str,
    /// All samples in the order they were taken.
    pub container: Vec<f64>,
    /// All samples in the order they were taken.
    pub machine: Vec<f64>,
}

impl Measure {
    fn of(kind: &Kind) -> Measure {
        let (container, machine) = (Vec::new(), Vec::new());
        Measure { id: kind.id, name: kind.name, part: kind.part, unit: kind.unit, how: kind.how, container, machine }
    }
}

/// What more idle instances cost.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Density {
    /// Of one side.
    pub container: Crowd,
    /// Of the other.
    pub machine: Crowd,
    /// Why there were fewer than planned, for each side where there were.
    pub fewer: Vec<String>,
}

/// Instances of one side, more and more of them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Crowd {
    /// What some of them took.
    pub points: Vec<Point>,
    /// The line through the sum of PSS.
    pub pss: Option<Line>,
    /// The line through what the host has less of.
    pub taken: Option<Line>,
}

/// One number of instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// How many.
    pub instances: u64,
    /// The sum of all PSS.
    pub pss_bytes: u64,
    /// How much less memory was available than before the first; negative where others gave memory back meanwhile.
    pub taken_bytes: i64,
}

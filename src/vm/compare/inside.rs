//! Work done inside, and what the inside believes: by tools of the `lab` image, whichever image is compared.
//!
//! Each number is measured inside, by the inside's own CLOCK_MONOTONIC over 0.3 s: the tool `bench` says how. The container's
//! clock is the host's. An emulated machine's clock is kept by QEMU to run as the host's does.

use super::child::Running;
use super::plan::{LAB, LIMIT, Plan};
use super::processes::kibibytes;
use super::report::{Kind, Part, Unit};
use super::{Error, Side};

/// One run of all: which kernel, how much memory, how fast.
const SCRIPT: &str = "uname -r; cat /proc/meminfo; bench";

const BELIEVED: Kind = Kind {
    id: "memory_believed",
    name: "memory the inside believes in",
    part: Part::Memory,
    unit: Unit::Bytes,
    how: "MemTotal of /proc/meminfo inside, both given the same -m",
};

const AVAILABLE: Kind = Kind {
    id: "memory_available_inside",
    name: "of that, available",
    part: Part::Memory,
    unit: Unit::Bytes,
    how: "MemAvailable of /proc/meminfo inside, both given the same -m",
};

/// The lines of `bench`.
const BENCH: [Kind; 5] = [
    Kind {
        id: "syscall",
        name: "getppid(2), a call",
        part: Part::Inside,
        unit: Unit::Nanoseconds,
        how: "lab's bench: mean of a loop of getppid(2) for 0.3 s",
    },
    Kind {
        id: "memory",
        name: "copy of memory",
        part: Part::Inside,
        unit: Unit::Rate,
        how: "lab's bench: memcpy of 64 MiB, again and again for 0.3 s",
    },
    Kind {
        id: "file_write",
        name: "write of a file, with fsync",
        part: Part::Inside,
        unit: Unit::Rate,
        how: "lab's bench: 32 MiB written to a new file in /tmp by 1 MiB, fsync(2) included",
    },
    Kind {
        id: "file_read",
        name: "read of it, from page cache",
        part: Part::Inside,
        unit: Unit::Rate,
        how: "lab's bench: the same file read by 1 MiB, answered from the page cache",
    },
    Kind {
        id: "loopback",
        name: "TCP to itself, one byte",
        part: Part::Inside,
        unit: Unit::Requests,
        how: "lab's bench: one byte to another thread over 127.0.0.1 and back, one connection, for 0.3 s",
    },
];

/// One run.
pub fn run(plan: &mut Plan<'_>, side: Side) -> Result<(), Error> {
    let finished = plan.launcher.start(side, &[], LAB, &["sh", "-c", SCRIPT])?.finish(LIMIT)?;
    let said = &finished.stdout;
    plan.report.side(side).kernel = said.lines().next().map(str::to_owned);
    for (kind, key) in [(&BELIEVED, "MemTotal"), (&AVAILABLE, "MemAvailable")] {
        let bytes = kibibytes(said, key).ok_or_else(|| Running::strange(SCRIPT, "the memory it has", said))?;
        plan.report.sample(kind, side, bytes as f64);
    }
    for kind in &BENCH {
        let value =
            value(said, kind.id).ok_or_else(|| Running::strange(SCRIPT, "a line for each measurement", said))?;
        plan.report.sample(kind, side, value);
    }
    Ok(())
}

/// The number of a line `name number unit`.
fn value(said: &str, name: &str) -> Option<f64> {
    let line = said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.split(' ').next()?.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_found_by_its_whole_name() {
        let said = "6.1.0\nMemTotal: 10 kB\nfile_read 12.5 MB/s\nfile 3 s\nsyscall nan ns\n";
        assert_eq!((value(said, "file_read"), value(said, "file")), (Some(12.5), Some(3.0)));
        assert_eq!((value(said, "syscall"), value(said, "loopback")), (None, None));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "((memory|MemTotal:)? ?.{0,12}\n){0,3}") {
            let _ = value(&text, "memory");
            let _ = kibibytes(&text, "MemTotal");
        }
    }
}

//! What stands below the numbers: on what they were measured, what must not be concluded, what others found.

use super::units::with_unit;
use crate::vm::compare::published::{Figure, Read};
use crate::vm::compare::report::Unit;
use crate::vm::compare::report::{Report, SideFacts};
use textwrap::Options;

const WIDTH: usize = 80;

/// A paragraph with its first word set apart.
pub fn item(label: &str, text: &str) -> String {
    let indent = " ".repeat(12);
    let first = format!("{label:<12}");
    textwrap::fill(text, Options::new(WIDTH).initial_indent(&first).subsequent_indent(&indent)) + "\n"
}

/// A sentence of a list.
pub fn point(text: &str) -> String {
    textwrap::fill(text, Options::new(WIDTH).initial_indent("- ").subsequent_indent("  ")) + "\n"
}

/// Host and sides.
pub fn circumstances(report: &Report) -> String {
    let host = &report.host;
    let mut text = item(
        "host",
        &format!(
            "{} × {}, {}{}, Linux {}",
            host.cpus,
            host.cpu,
            with_unit(Unit::Bytes, host.memory_bytes as f64),
            if host.is_virtual { ", itself a virtual machine" } else { "" },
            host.kernel
        ),
    );
    let machine = &report.machine;
    let accelerator = machine.accelerator.as_deref().unwrap_or("unknown");
    let word = match accelerator {
        "kvm" => "KVM: the processor itself runs the guest",
        "tcg" => "emulation (tcg): no KVM was used",
        other => other,
    };
    text += &item("accelerator", word);
    if let Some(qemu) = &machine.qemu {
        text += &item("QEMU", qemu);
    }
    text += &item("kernels", &kernels(&report.container, machine));
    text += &item("processes", &format!("container: {}", names(&report.container)));
    text += &item("", &format!("VM: {}", names(machine)));
    text += &item("run as", &report.container.typed);
    text += &item("", &machine.typed);
    text += &item("", &format!("start: {}; work inside and idle instances: lab", report.started));
    text
}

fn kernels(container: &SideFacts, machine: &SideFacts) -> String {
    let inside = |side: &SideFacts| side.kernel.clone().unwrap_or_else(|| "unknown".to_owned());
    format!("in the container {}, in the VM {}", inside(container), inside(machine))
}

fn names(side: &SideFacts) -> String {
    if side.processes.0.is_empty() { "none seen".to_owned() } else { side.processes.names() }
}

/// Why a side is empty.
pub fn failures(report: &Report) -> String {
    let sides = [("container", &report.container), ("VM", &report.machine)];
    let failed = sides
        .iter()
        .filter_map(|(name, side)| Some(item(name, &format!("not measured to the end: {}", side.failed.as_ref()?))));
    failed.collect()
}

/// Figures of others.
pub fn published(figures: &[Figure]) -> String {
    let one = |figure: &Figure| {
        let part = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name} {value}, "));
        let (native, container) = (part("native", &figure.native), part("container", &figure.container));
        let mark = if figure.read == Read::SecondHand { "; second-hand" } else { "" };
        point(&format!(
            "{}: {}{}VM {} ({}{mark})",
            figure.what,
            native.unwrap_or_default(),
            container.unwrap_or_default(),
            figure.machine,
            figure.source
        ))
    };
    figures.iter().map(one).collect()
}

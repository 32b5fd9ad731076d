//! The order of the measurements, and what happens when one side fails: it is told once, and the other is measured on.

use super::report::{Density, Report, SideFacts, VERSION};
use super::side::{Launcher, SIDES};
use super::{Error, Side, cautions, density, disk, facts, inside, order, published, serve, start};
use crate::engine::Home;
use crate::sys;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The image of the tools that measure.
pub const LAB: &str = "lab";
/// No start takes longer, even by emulation on a busy host.
pub const LIMIT: Duration = Duration::from_secs(120);
/// The first run of a side may fetch an image or a kernel, and builds what the next ones find.
const FIRST_LIMIT: Duration = Duration::from_secs(600);

/// What is compared, and how often.
#[derive(Clone, Debug)]
pub struct Options {
    /// The image.
    pub image: String,
    /// A command in place of the image's own.
    pub command: Vec<String>,
    /// Runs of each side for each measurement.
    pub runs: usize,
    /// What both are given as `-m`.
    pub memory: String,
    /// The same in bytes.
    pub memory_bytes: u64,
    /// `--accel` for the machine.
    pub accel: Option<String>,
    /// Whether the host's page cache is dropped for a cold start.
    pub cold: bool,
    /// How many idle instances at most.
    pub instances: u64,
}

/// A comparison under way.
pub struct Plan<'a> {
    /// What is wanted.
    pub options: &'a Options,
    /// How rlab is run.
    pub launcher: Launcher,
    /// What was found so far.
    pub report: Report,
    /// Where the image's layers lie.
    pub layers: Vec<String>,
    /// The image's first TCP port.
    port: Option<u16>,
    /// Who is told how far it is.
    pub tell: &'a mut dyn FnMut(&str),
}

/// One step of a measurement on one side.
type Step = fn(&mut Plan<'_>, Side) -> Result<(), Error>;

/// Measures everything.
pub fn measure(
    options: &Options,
    home: &Home,
    config: Option<&Path>,
    tell: &mut dyn FnMut(&str),
) -> Result<Report, Error> {
    if sys::geteuid() != 0 {
        return Err(Error::NotRoot);
    }
    let launcher = Launcher::new(home, config, &options.memory, options.accel.as_deref());
    let report = empty(options, &launcher);
    let mut plan = Plan { options, launcher, report, layers: Vec::new(), port: None, tell };
    let (image, command) = plan.quick();
    plan.report.started = format!("{image} {}", command.join(" "));
    plan.once("first run, to build what is missing", first_run)?;
    plan.look_at_image()?;
    if options.cold {
        plan.alternate("cold start", start::run_cold)?;
    }
    plan.alternate("start", start::run)?;
    if plan.serves() {
        plan.once("first web server, to build what is missing", serve::warm_up)?;
        plan.alternate("web server", serve::run)?;
    }
    plan.alternate("work inside", inside::run)?;
    plan.once("idle instances", density::run)?;
    disk::measure(&mut plan);
    plan.report.cautions = cautions::cautions(&plan.report);
    Ok(plan.report)
}

fn empty(options: &Options, launcher: &Launcher) -> Report {
    let side = |side| SideFacts { typed: launcher.typed(side), ..SideFacts::default() };
    Report {
        v: VERSION,
        image: options.image.clone(),
        command: options.command.clone(),
        started: String::new(),
        runs: options.runs,
        order: "ABBA: container, machine, machine, container, and so on",
        memory: options.memory.clone(),
        measured_at: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        host: facts::host(),
        container: side(Side::Container),
        machine: side(Side::Machine),
        measures: Vec::new(),
        density: Density::default(),
        cautions: Vec::new(),
        published: published::figures(),
    }
}

/// Builds the lab image, and for the machine its kernel, initramfs and disk.
fn first_run(plan: &mut Plan<'_>, side: Side) -> Result<(), Error> {
    plan.launcher.start(side, &[], LAB, &["true"])?.finish(FIRST_LIMIT).map(drop)
}

impl Plan<'_> {
    /// What is run to see how long a start takes: the user's command, or the smallest there is.
    pub fn quick(&self) -> (&str, Vec<&str>) {
        if self.is_users_own() {
            return (&self.options.image, self.options.command.iter().map(String::as_str).collect());
        }
        (LAB, vec!["echo", "up"])
    }

    /// Whether the user said what is to be run.
    pub fn is_users_own(&self) -> bool {
        !self.options.command.is_empty()
    }

    fn is_lab(&self) -> bool {
        self.options.image == LAB
    }

    /// Whether there is a web server to be asked: the image's own, on the port that it names, or the lab's.
    fn serves(&self) -> bool {
        !self.is_users_own() && (self.is_lab() || self.port.is_some())
    }

    /// Image, command and port of the web server.
    pub fn server(&self) -> (&str, Vec<&str>, u16) {
        let command = if self.is_lab() { vec!["httpd"] } else { vec![] };
        (&self.options.image, command, self.port.unwrap_or(80))
    }

    /// Runs a step as often as was asked for, the sides taking turns.
    fn alternate(&mut self, what: &str, step: Step) -> Result<(), Error> {
        let order = order::alternate(self.options.runs);
        for (at, side) in order.iter().enumerate() {
            self.step(&format!("{what} {} of {}", at + 1, order.len()), *side, step)?;
        }
        self.both_failed()
    }

    fn once(&mut self, what: &str, step: Step) -> Result<(), Error> {
        for side in SIDES {
            self.step(what, side, step)?;
        }
        self.both_failed()
    }

    fn step(&mut self, what: &str, side: Side, step: Step) -> Result<(), Error> {
        if self.report.side(side).failed.is_some() {
            return Ok(());
        }
        (self.tell)(&format!("{what}: {}", side.word()));
        match step(self, side) {
            Err(error) if !error.ends_all() => {
                (self.tell)(&format!("the {} is measured no further: {error}", side.word()));
                self.report.side(side).failed = Some(error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    fn both_failed(&self) -> Result<(), Error> {
        let Report { container, machine, .. } = &self.report;
        let (Some(one), Some(other)) = (&container.failed, &machine.failed) else { return Ok(()) };
        if self.report.measures.is_empty() {
            return Err(Error::Neither { container: one.clone(), machine: other.clone() });
        }
        Ok(())
    }

    /// Which port it serves, and where its layers are; fetched first if it is not there.
    fn look_at_image(&mut self) -> Result<(), Error> {
        let inspect = ["image", "inspect", &self.options.image].map(str::to_owned);
        let (mut finished, mut good, mut failure) = self.launcher.rlab(&inspect)?.finish_anyhow(LIMIT)?;
        if !good {
            (self.tell)(&format!("fetching {}", self.options.image));
            let pull = ["pull", &self.options.image].map(str::to_owned);
            self.launcher.rlab(&pull)?.finish(FIRST_LIMIT)?;
            (finished, good, failure) = self.launcher.rlab(&inspect)?.finish_anyhow(LIMIT)?;
        }
        if !good {
            return Err(failure);
        }
        (self.port, self.layers) = read_image(&finished.stdout);
        Ok(())
    }
}

/// The lowest TCP port and the layers' folders of `rlab image inspect`.
fn read_image(inspected: &str) -> (Option<u16>, Vec<String>) {
    let image: Value = serde_json::from_str(inspected).unwrap_or_default();
    let ports = image[0]["Config"]["ExposedPorts"].as_object().into_iter().flatten().map(|(name, _)| name);
    let tcp = |name: &String| match name.split_once('/') {
        Some((port, "tcp")) => port.parse().ok(),
        None => name.parse().ok(),
        _ => None,
    };
    let data = &image[0]["GraphDriver"]["Data"];
    // The uppermost layer has a field of its own, as docker's has.
    let folders = [&data["UpperDir"], &data["LowerDir"]].into_iter().filter_map(Value::as_str);
    let mut layers: Vec<String> =
        folders.flat_map(|folders| folders.split(':')).filter(|path| !path.is_empty()).map(str::to_owned).collect();
    layers.reverse();
    (ports.filter_map(tcp).min(), layers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_lowest_tcp_port_and_the_layers_are_read() {
        let text = r#"[{"Config":{"ExposedPorts":{"53/udp":{},"8080/tcp":{},"443":{},"x/tcp":{}}},
                        "GraphDriver":{"Data":{"LowerDir":"/b:/a","UpperDir":"/c"}}}]"#;
        assert_eq!(read_image(text), (Some(443), ["/a", "/b", "/c"].map(str::to_owned).to_vec()));
        assert_eq!(read_image("no json"), (None, vec![]));
    }

    fn options(image: &str, command: &[&str]) -> Options {
        Options {
            image: image.to_owned(),
            command: command.iter().map(ToString::to_string).collect(),
            runs: 2,
            memory: "64m".to_owned(),
            memory_bytes: 64 << 20,
            accel: None,
            cold: false,
            instances: 1,
        }
    }

    /// A program that stands in for rlab.
    fn stand_in(script: &str) -> (tempfile::TempDir, Launcher) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rlab");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let launcher = Launcher::stand_in(&path);
        (dir, launcher)
    }

    fn with_plan<T>(options: &Options, launcher: Launcher, act: impl FnOnce(&mut Plan<'_>) -> T) -> (T, Vec<String>) {
        let mut told = Vec::new();
        let mut tell = |line: &str| told.push(line.to_owned());
        let report = empty(options, &launcher);
        let mut plan = Plan { options, launcher, report, layers: Vec::new(), port: None, tell: &mut tell };
        let result = act(&mut plan);
        (result, told)
    }

    #[test]
    fn one_side_that_fails_is_told_once_and_the_other_goes_on() {
        let (_dir, launcher) = stand_in("if [ \"$1\" = vm ]; then echo no qemu >&2; exit 125; fi; echo up");
        let options = options("lab", &[]);
        let (report, told) = with_plan(&options, launcher, |plan| {
            plan.alternate("start", start::run).unwrap();
            plan.report.clone()
        });
        assert_eq!(report.measures[0].container.len(), 2);
        assert!(report.measures.iter().all(|measure| measure.machine.is_empty()));
        let failed = report.machine.failed.unwrap();
        assert!(failed.ends_with("ended with exit status: 125: no qemu") && failed.contains("rlab vm run"), "{failed}");
        assert_eq!(told.iter().filter(|line| line.contains("no further")).count(), 1, "{told:?}");
        assert!(report.container.failed.is_none());
    }

    #[test]
    fn nothing_to_measure_is_an_error() {
        let (_dir, launcher) = stand_in("exit 125");
        let options = options("lab", &[]);
        let (result, _) = with_plan(&options, launcher, |plan| plan.once("first run", first_run));
        assert!(matches!(result, Err(Error::Neither { .. })));
    }

    #[test]
    fn the_users_command_is_what_is_started() {
        let (_dir, launcher) = stand_in("true");
        let options = options("web", &["date", "-u"]);
        with_plan(&options, launcher, |plan| {
            assert_eq!(plan.quick(), ("web", vec!["date", "-u"]));
            plan.port = Some(80);
            assert!(!plan.serves());
        });
    }
}

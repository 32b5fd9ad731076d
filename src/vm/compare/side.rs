//! The two sides, and the command line of each: all that differs is `run` or `vm run`.

use super::child::Running;
use super::error::Error;
use crate::engine::Home;
use serde::Serialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One of the two things compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// `rlab run`.
    Container,
    /// `rlab vm run`.
    Machine,
}

/// Both, in the order in which they are told.
pub const SIDES: [Side; 2] = [Side::Container, Side::Machine];

/// Where a program's own file is found, whatever it was called by.
const OWN: &str = "/proc/self/exe";

/// How rlab is run.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The program.
    program: PathBuf,
    /// Its flags that stand before the command.
    globals: Vec<OsString>,
    /// Memory that both sides are given, as `-m` takes it.
    memory: String,
    /// `--accel` of the machine's side.
    accel: Option<String>,
}

impl Launcher {
    /// This very rlab, with the same directories and settings.
    pub fn new(home: &Home, config: Option<&Path>, memory: &str, accel: Option<&str>) -> Launcher {
        let mut globals = Vec::new();
        if *home != Home::new(None) {
            globals.extend([OsString::from("--root"), home.root.clone().into()]);
        }
        if let Some(config) = config {
            globals.extend([OsString::from("--config"), config.into()]);
        }
        Launcher { program: OWN.into(), globals, memory: memory.to_owned(), accel: accel.map(str::to_owned) }
    }

    /// Another program in its place.
    #[cfg(test)]
    pub fn stand_in(program: &Path) -> Launcher {
        Launcher { program: program.into(), globals: Vec::new(), memory: "64m".to_owned(), accel: None }
    }

    /// The arguments that run an image on a side.
    pub fn arguments(&self, side: Side, flags: &[&str], image: &str, command: &[&str]) -> Vec<String> {
        let mut line: Vec<&str> = match side {
            Side::Container => vec!["run", "--rm"],
            Side::Machine => vec!["vm", "run", "--rm"],
        };
        line.extend(["-m", &self.memory]);
        if let (Side::Machine, Some(accel)) = (side, &self.accel) {
            line.extend(["--accel", accel]);
        }
        line.extend(flags);
        line.push(image);
        line.extend(command);
        line.into_iter().map(str::to_owned).collect()
    }

    /// Runs an image on a side.
    pub fn start(&self, side: Side, flags: &[&str], image: &str, command: &[&str]) -> Result<Running, Error> {
        self.rlab(&self.arguments(side, flags, image, command))
    }

    /// Runs rlab with these arguments.
    pub fn rlab(&self, arguments: &[String]) -> Result<Running, Error> {
        let mut command = Command::new(&self.program);
        command.args(&self.globals).args(arguments);
        Running::start(command, format!("rlab {}", arguments.join(" ")))
    }

    /// How the two are typed, for the report.
    pub fn typed(&self, side: Side) -> String {
        format!("rlab {}", self.arguments(side, &[], "IMAGE", &[]).join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sides_differ_in_the_command_alone() {
        let launcher = Launcher::new(&Home::new(None), None, "256m", None);
        assert!(launcher.globals.is_empty());
        assert_eq!(launcher.typed(Side::Container), "rlab run --rm -m 256m IMAGE");
        assert_eq!(launcher.typed(Side::Machine), "rlab vm run --rm -m 256m IMAGE");
    }

    #[test]
    fn the_same_home_settings_and_accelerator_are_passed_on() {
        let home = Home::new(Some(Path::new("/r")));
        let launcher = Launcher::new(&home, Some(Path::new("/c.toml")), "1g", Some("tcg"));
        assert_eq!(launcher.globals, ["--root", "/r", "--config", "/c.toml"]);
        let typed = launcher.arguments(Side::Machine, &["-p", "1:80"], "web", &["a", "b"]).join(" ");
        assert_eq!(typed, "vm run --rm -m 1g --accel tcg -p 1:80 web a b");
        assert!(!launcher.typed(Side::Container).contains("tcg"));
    }
}

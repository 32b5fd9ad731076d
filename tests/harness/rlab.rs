//! rlab with a root of its own: nothing of the machine's or the user's rlab is read or changed.

use super::program::{Output, Running};
use super::terminal::Terminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Longer than any command of a test takes on a busy machine with two processors.
const PATIENCE: Duration = Duration::from_secs(120);

/// An installation of rlab, gone with the test.
pub struct Rlab {
    folder: TempDir,
}

impl Rlab {
    /// An empty one.
    pub fn new() -> Self {
        Self::new_in(&std::env::temp_dir())
    }

    /// An empty one below a folder, by which those of one test are known.
    pub fn new_in(folder: &Path) -> Self {
        let folder = tempfile::Builder::new().prefix("rlab-test-").tempdir_in(folder).unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        std::fs::write(folder.path().join("config.toml"), "").unwrap();
        Self { folder }
    }

    /// Where it keeps its images and records.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// The home of its user, where the credentials are.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A folder for the test's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `rlab` with these arguments, ready to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rlab"));
        command.args(arguments).stdin(Stdio::null()).current_dir(self.folder());
        command.env_clear().env("RLAB_ROOT", self.root()).env("HOME", self.home());
        command.env("RLAB_CONFIG", self.folder().join("config.toml"));
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LANG", "C.UTF-8").env("TERM", "xterm-256color");
        for kept in ["TMPDIR", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command
    }

    /// Runs `rlab` with these arguments until it ends.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.start(arguments).wait(PATIENCE)
    }

    /// Starts `rlab` with these arguments, and lets it run.
    #[track_caller]
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments))
    }

    /// Starts `rlab` with these arguments in a terminal of 80 columns and 24 lines.
    #[track_caller]
    pub fn terminal(&self, arguments: &[&str]) -> Terminal {
        Terminal::start(self.command(arguments), 80, 24)
    }
}

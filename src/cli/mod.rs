//! The command line: one file a command. Only here is anything printed.

mod book;
mod compare;
mod doctor;
mod explain;
mod image;
mod images;
mod lab;
mod program;
mod progress;
mod pull;
mod rm;
mod run;
mod settings;
mod table;
mod trace;
mod ui;
mod units;
mod values;
mod vm;
mod watching;

use crate::{engine, network};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

pub use ui::Ui;

/// A Linux container runtime whose every step can be watched.
#[derive(Parser)]
#[command(name = "rlab", version, max_term_width = 100, propagate_version = true, disable_help_subcommand = true)]
struct Cli {
    /// Keep everything of rlab's below this directory instead of /var/lib/rlab and /run/rlab
    #[arg(long, global = true, env = "RLAB_ROOT", value_name = "DIR")]
    root: Option<PathBuf>,
    /// Read settings from this file alone
    #[arg(long, global = true, env = "RLAB_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a program in a new container
    Run(Box<run::Args>),
    /// Fetch an image
    Pull(pull::Args),
    /// List images
    Images(images::Args),
    /// Look at images, or take them away
    #[command(subcommand)]
    Image(image::Args),
    /// Tell the story of an earlier run again
    Explain(explain::Args),
    /// Remove what is kept of a container that has ended
    Rm(rm::Args),
    /// About traces
    #[command(subcommand)]
    Trace(trace::Args),
    /// Virtual machines: the other side
    #[command(subcommand)]
    Vm(vm::Command),
    /// Run an image both ways, as a container and in a virtual machine, and measure both
    Compare(Box<compare::Args>),
    /// Read the book: what a container is, stage by stage, beside the virtual machine
    Book(book::Args),
    /// The labs of the course: start one, check it, get a hint
    Lab(lab::Args),
    /// Examine this host: what is here, what is missing, what rlab can do with it
    Doctor(doctor::Args),
}

/// What every command gets.
pub struct Context {
    /// rlab's directories.
    pub home: engine::Home,
    /// The settings file that the user named.
    pub config: Option<PathBuf>,
    /// Where to print.
    pub ui: Ui,
}

/// rlab, from its arguments to its exit code.
///
/// The same file is three programs: `rlab`, the tools of the `lab` image (by the name it is called by), and the proxy of
/// published ports (a process of its own, because it has threads and a process that makes containers must not).
pub fn main(argv: Vec<OsString>) -> ExitCode {
    if let Some(code) = crate::lab::tools::main_if_tool(argv.iter().cloned()) {
        return code;
    }
    if argv.get(1).is_some_and(|first| first == network::PROXY_COMMAND) {
        let args: Vec<String> = argv.iter().skip(2).map(|arg| arg.to_string_lossy().into_owned()).collect();
        return network::proxy_main(&args).into();
    }
    if argv.get(1).is_some_and(|first| first == crate::vm::guest::COMMAND) && std::process::id() == 1 {
        let args: Vec<String> = argv.iter().skip(2).map(|arg| arg.to_string_lossy().into_owned()).collect();
        crate::vm::guest::main(&args);
    }
    let cli = match Cli::try_parse_from(argv) {
        Ok(cli) => cli,
        Err(error) => return ui::usage(&error),
    };
    let mut context = Context { home: engine::Home::new(cli.root.as_deref()), config: cli.config, ui: Ui::new() };
    // What an rlab left that was killed goes now, whatever this one was called for; but the doctor only looks, and a
    // reader of the book need not be root.
    if !matches!(cli.command, Command::Doctor(_) | Command::Book(_)) {
        engine::sweep(&context.home);
    }
    let result = match cli.command {
        Command::Run(args) => run::run(*args, &mut context),
        Command::Pull(args) => pull::run(&args, &mut context),
        Command::Images(args) => images::run(&args, &mut context),
        Command::Image(args) => image::run(&args, &mut context),
        Command::Explain(args) => explain::run(&args, &mut context),
        Command::Rm(args) => rm::run(&args, &mut context),
        Command::Trace(args) => trace::run(&args, &mut context),
        Command::Vm(command) => vm::run(command, &mut context),
        Command::Compare(args) => compare::run(&args, &mut context),
        Command::Book(args) => book::run(&args, &mut context),
        Command::Lab(args) => lab::run(args, &mut context),
        Command::Doctor(args) => doctor::run(&args, &mut context),
    };
    let written = |error| Failure::File { path: "standard output".into(), error };
    let result = result.and_then(|code| context.ui.lost().map_or(Ok(code), |error| Err(written(error))));
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => context.ui.failure(&error, error.cause(&context.home)),
    }
}

/// What a command can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The engine's.
    #[error("{0}")]
    Engine(#[from] engine::Error),
    /// A machine's.
    #[error("{0}")]
    Machine(#[from] crate::vm::Error),
    /// An image's name.
    #[error("{0}")]
    Image(#[from] crate::image::Error),
    /// The settings'.
    #[error("{0}")]
    Config(#[from] engine::config::Error),
    /// The registry client could not be set up.
    #[error("{0}")]
    Registry(#[from] crate::image::registry::Error),
    /// The platform of `--platform`.
    #[error("{0}")]
    Platform(#[from] crate::image::platform::Error),
    /// The comparison's.
    #[error("{0}")]
    Compare(#[from] crate::vm::compare::Error),
    /// The smallest machine's.
    #[error("{0}")]
    Hello(#[from] crate::vm::hello::Error),
    /// The book's.
    #[error("{0}")]
    Book(#[from] crate::book::Error),
    /// A lab's.
    #[error("{0}")]
    Lab(#[from] crate::lab::Error),
    /// A file that should be a trace.
    #[error("{} is no trace: {reason}", .path.display())]
    NoTrace {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A flag's value.
    #[error("{flag}: {reason}")]
    Flag {
        /// The flag.
        flag: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// A file the user named.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        error: std::io::Error,
    },
}

impl Failure {
    /// Docker's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Engine(error) => error.exit_code(),
            Failure::Machine(error) => error.exit_code(),
            _ => 125,
        }
    }

    /// The likeliest cause, by this host's facts.
    pub fn cause(&self, home: &engine::Home) -> Option<crate::sys::cause::Cause> {
        match self {
            Failure::Engine(error) => error.cause(&home.root),
            Failure::Machine(error) => error.cause(&home.root),
            Failure::File { path, error }
            | Failure::Book(crate::book::Error::File { path, error })
            | Failure::Lab(crate::lab::Error::File { path, error }) => crate::sys::cause::of_file(path, error),
            _ => None,
        }
    }

    /// The next step.
    pub fn hint(&self) -> Option<String> {
        match self {
            Failure::Engine(error) => error.hint(),
            Failure::Machine(error) => error.hint(),
            Failure::Image(error) => error.hint(),
            Failure::Config(error) => error.hint(),
            Failure::Registry(error) => error.hint(),
            Failure::Compare(error) => error.hint(),
            Failure::Hello(error) => error.hint(),
            Failure::Book(error) => error.hint(),
            Failure::Lab(error) => error.hint(),
            Failure::Flag { flag: "--out", .. } => Some("name another file".to_owned()),
            Failure::Flag { .. } => Some("rlab run --help".to_owned()),
            Failure::NoTrace { .. } => {
                Some("name a container, or a file that rlab run --trace-out FILE has written".to_owned())
            }
            Failure::Platform(_) | Failure::File { .. } => None,
        }
    }
}

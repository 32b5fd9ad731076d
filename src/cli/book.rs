//! `rlab book`: the book on the loopback, in a folder, or as mdBook's preprocessor.

use super::{Context, Failure};
use crate::book::{self, Block, Folder, Knowledge, Options, Served, Sources};
use crate::sys;
use crate::vm::compare;
use clap::{Args as ClapArgs, CommandFactory, Subcommand};
use serde_json::json;
use std::path::PathBuf;

#[derive(ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// Serve on this port of the loopback; 0 takes any that is free
    #[arg(long, default_value = "3000")]
    port: u16,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Write the book as a site
    Build(BuildArgs),
    /// Be mdBook's preprocessor: a book on standard input, the filled one on standard output
    #[command(hide = true)]
    Preprocess {
        #[command(subcommand)]
        question: Option<Question>,
    },
    /// Print the blocks of the book's pages and the labs' tasks whose output is put in, as JSON
    #[command(hide = true)]
    Blocks {
        /// The checkout to read, in place of what is inside the binary
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
}

#[derive(ClapArgs)]
struct BuildArgs {
    /// The folder to write to; one that is empty, not there yet, or holds an earlier book
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Build from this checkout, in place of what is inside the binary
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Build pages, too, that name what is not there
    #[arg(long, hide = true)]
    draft: bool,
}

#[derive(Subcommand)]
enum Question {
    /// Whether pages for this renderer can be filled
    Supports {
        /// The renderer
        renderer: String,
    },
}

/// Serves, builds or fills the book.
pub fn run(args: &Args, context: &mut Context) -> Result<u8, Failure> {
    match &args.command {
        None => serve(args.port, context)?,
        Some(Command::Build(args)) => build(args, context)?,
        Some(Command::Preprocess { question: Some(Question::Supports { renderer }) }) => {
            return Ok(u8::from(renderer != "html"));
        }
        Some(Command::Preprocess { question: None }) => {
            book::preprocess(std::io::stdin(), std::io::stdout(), &knowledge())?;
        }
        Some(Command::Blocks { from }) => blocks(&sources(from.as_ref()), context)?,
    }
    Ok(0)
}

fn sources(from: Option<&PathBuf>) -> Sources {
    from.map_or(Sources::Compiled, |root| Sources::Checkout(root.clone()))
}

fn serve(port: u16, context: &mut Context) -> Result<(), Failure> {
    let served = Served::listen(port)?;
    // From here on Ctrl-C waits to be asked for, so that the folder is taken away before this ends.
    let signals = sys::signals_by_descriptor().map_err(|errno| book::Error::Server(errno.into()))?;
    let folder = Folder::new()?;
    let site = folder.path().join("site");
    book::build(&Options { sources: &Sources::Compiled, knowledge: &knowledge(), to: &site, draft: false })?;
    context.ui.result(&format!("the book is at {}, until Ctrl-C\n", served.address()));
    Ok(book::serve(&site, served, &signals)?)
}

fn build(args: &BuildArgs, context: &mut Context) -> Result<(), Failure> {
    let sources = sources(args.from.as_ref());
    // Ctrl-C waits for the moment between building and writing, so that nothing is left half way.
    let _blocked = sys::signals_by_descriptor();
    let options = Options { sources: &sources, knowledge: &knowledge(), to: &args.to, draft: args.draft };
    for fault in book::build(&options)? {
        context.ui.status(&fault.to_string());
    }
    Ok(())
}

fn blocks(sources: &Sources, context: &mut Context) -> Result<(), Failure> {
    let (blocks, faults) = book::blocks(sources);
    if !faults.is_empty() {
        return Err(book::Error::Pages(faults).into());
    }
    let told: Vec<_> = blocks.iter().map(told).collect();
    context.ui.result(&format!("{}\n", serde_json::to_string_pretty(&told).unwrap_or_default()));
    Ok(())
}

fn told(block: &Block) -> serde_json::Value {
    let commands: Vec<_> =
        block.commands.iter().map(|command| json!({"as_root": command.as_root, "text": command.text})).collect();
    json!({
        "page": block.page,
        "line": block.line,
        "commands": commands,
        "needs": block.needs,
        "lacks": block.lacks(),
        "in_checkout": block.in_checkout,
        "slug": block.slug(),
    })
}

/// What the book is told by the rest of rlab.
fn knowledge() -> Knowledge {
    let published = compare::published::figures().into_iter().map(|figure| book::Published {
        at_first_hand: figure.read == compare::published::Read::First,
        what: figure.what,
        native: figure.native,
        container: figure.container,
        machine: figure.machine,
        source: figure.source,
    });
    let mut cli = super::Cli::command();
    cli.build();
    Knowledge {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cli: described(&mut cli, "rlab"),
        published: published.collect(),
    }
}

/// A command as clap knows it, and those below it. What is hidden from `--help` is hidden here.
fn described(command: &mut clap::Command, name: &str) -> book::Command {
    let text = |styled: Option<&clap::builder::StyledStr>| styled.map(ToString::to_string).unwrap_or_default();
    let arguments =
        command.get_arguments().filter(|argument| !argument.is_hide_set() && !is_everywhere(argument, name));
    let arguments = arguments.map(argument).collect();
    let about = text(command.get_long_about().or(command.get_about()));
    let after = text(command.get_after_help());
    let usage = command.render_usage().to_string().replace("Usage: ", "").replace("\n       ", "\n");
    let below = command.get_subcommands_mut().filter(|below| !below.is_hide_set());
    let commands = below.map(|below| {
        let name = format!("{name} {}", below.get_name());
        described(below, &name)
    });
    book::Command { name: name.to_owned(), about, usage, after, arguments, commands: commands.collect() }
}

/// Flags that every command takes are told once, at the top.
fn is_everywhere(argument: &clap::Arg, name: &str) -> bool {
    let id = argument.get_id().as_str();
    name != "rlab" && (matches!(id, "help" | "version") || argument.is_global_set())
}

fn argument(argument: &clap::Arg) -> book::Argument {
    let takes = argument.get_action().takes_values();
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    let values = argument.get_possible_values().into_iter().filter(|value| takes && !value.is_hide_set());
    let values = values
        .map(|value| (value.get_name().to_owned(), value.get_help().map(ToString::to_string).unwrap_or_default()));
    let spelling = argument.to_string();
    let short = argument.get_short().filter(|_| argument.get_long().is_some());
    book::Argument {
        spelling: short.map_or(spelling.clone(), |short| format!("-{short}, {spelling}")),
        help: argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default(),
        default: (takes && !defaults.is_empty()).then(|| defaults.join(" ")),
        values: values.collect(),
        heading: argument.get_help_heading().map(str::to_owned),
    }
}

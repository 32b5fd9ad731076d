//! The programs inside the `lab` image: small tools that show isolation from the inside.
//!
//! The image holds one binary, rlab itself, and a link to it for each tool; the name it is called by decides. So the
//! image needs no package of any distribution, and what a student types in it can be read here.
mod accounts;
mod bench;
mod burn;
mod caps;
mod cat;
mod date;
mod dmesg;
mod eat;
mod env;
mod error;
mod files;
mod forks;
mod free;
mod get;
mod help;
mod httpd;
mod id;
mod ip;
mod kill;
mod ls;
mod mount;
mod ns;
mod plain;
mod ps;
mod sh;
mod size;
mod table;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use error::{Error, Result};

/// One tool: its name is the name of its link in the image's `/bin`.
pub struct Tool {
    /// What it is called by.
    pub name: &'static str,
    /// Its arguments.
    pub usage: &'static str,
    /// What it is good for, in one line.
    pub what: &'static str,
    run: fn(&[OsString], &mut dyn Write) -> Result<u8>,
}

/// The name of the binary that all the links point to. Called by it, the first argument names the tool.
const BINARY: &str = "rlab-tools";

/// All tools, in the order `help` shows them.
#[rustfmt::skip] // a table reads better with one entry a line
pub const TOOLS: &[Tool] = &[
    Tool { name: "help", usage: "help [TOOL]", what: "this list", run: help::run },
    Tool { name: "sh", usage: "sh [-c COMMAND | FILE]", what: "a plain prompt to type commands at", run: sh::run },
    Tool { name: "id", usage: "id [-u|-g|-G]", what: "which user and groups the kernel takes you for", run: id::run },
    Tool { name: "caps", usage: "caps [PID]", what: "capabilities, no_new_privs and seccomp of a process", run: caps::run },
    Tool { name: "ns", usage: "ns [PID]", what: "the namespaces a process is in", run: ns::run },
    Tool { name: "ps", usage: "ps", what: "the processes this pid namespace shows", run: ps::run },
    Tool { name: "mount", usage: "mount [-t TYPE]", what: "the mounts this mount namespace has", run: mount::run },
    Tool { name: "ip", usage: "ip [addr|link|route]", what: "network interfaces, addresses and routes", run: ip::run },
    Tool { name: "hostname", usage: "hostname", what: "the name of this UTS namespace", run: plain::hostname },
    Tool { name: "uname", usage: "uname [-a|-s|-n|-r|-v|-m]", what: "the kernel's name and version", run: plain::uname },
    Tool { name: "dmesg", usage: "dmesg [LINES]", what: "how the kernel's log begins, if it may be read", run: dmesg::run },
    Tool { name: "date", usage: "date", what: "what time the kernel says it is", run: date::run },
    Tool { name: "env", usage: "env", what: "the environment variables", run: env::run },
    Tool { name: "free", usage: "free", what: "memory of the host, and the limit of this cgroup", run: free::run },
    Tool { name: "nproc", usage: "nproc", what: "how many CPUs the scheduler may use for you", run: plain::nproc },
    Tool { name: "eat", usage: "eat SIZE [-s SECONDS]", what: "takes memory step by step: eat 200m", run: eat::run },
    Tool { name: "burn", usage: "burn [SECONDS] [-t THREADS]", what: "burns CPU and says how much it was given", run: burn::run },
    Tool { name: "bench", usage: "bench [syscall|memory|file|loopback]", what: "measures four kinds of work", run: bench::run },
    Tool { name: "forks", usage: "forks [N]", what: "forks N sleeping children, says when it fails", run: forks::run },
    Tool { name: "httpd", usage: "httpd [-p PORT] [TEXT]", what: "a web server that says who answers", run: httpd::run },
    Tool { name: "get", usage: "get URL", what: "fetches a page over HTTP", run: get::run },
    Tool { name: "ls", usage: "ls [-l] [-a] [-d] [PATH...]", what: "lists a directory, devices and links too", run: ls::run },
    Tool { name: "cat", usage: "cat [FILE...]", what: "prints files", run: cat::run },
    Tool { name: "write", usage: "write FILE TEXT...", what: "writes text to a file", run: files::write },
    Tool { name: "touch", usage: "touch FILE...", what: "makes empty files", run: files::touch },
    Tool { name: "mkdir", usage: "mkdir [-p] DIR...", what: "makes directories", run: files::mkdir },
    Tool { name: "rm", usage: "rm [-r] [-f] PATH...", what: "removes files", run: files::rm },
    Tool { name: "pwd", usage: "pwd", what: "the working directory", run: plain::pwd },
    Tool { name: "echo", usage: "echo [-n] [TEXT...]", what: "prints its arguments", run: plain::echo },
    Tool { name: "kill", usage: "kill [-SIGNAL] PID...", what: "sends a signal", run: kill::run },
    Tool { name: "sleep", usage: "sleep SECONDS", what: "waits", run: plain::sleep },
    Tool { name: "size", usage: "size [-w]", what: "rows and columns of the terminal (-w: watch)", run: size::run },
    Tool { name: "true", usage: "true", what: "exits with 0", run: plain::yes },
    Tool { name: "false", usage: "false", what: "exits with 1", run: plain::no },
];

fn find(name: &OsStr) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| name == tool.name)
}

/// Runs a tool when the program was called by the name of one; `None` when it was called as rlab.
pub fn main_if_tool(argv: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut argv = argv.into_iter();
    let name = Path::new(&argv.next()?).file_name()?.to_owned();
    let args: Vec<OsString> = argv.collect();
    if name != BINARY {
        return Some(ExitCode::from(run_tool(find(&name)?, &args)));
    }
    let (name, rest) =
        args.split_first().map_or((OsStr::new("help"), &[][..]), |(name, rest)| (name.as_os_str(), rest));
    let Some(tool) = find(name) else {
        complain(&Error::NoTool(name.to_owned()), BINARY);
        return Some(ExitCode::from(127));
    };
    Some(ExitCode::from(run_tool(tool, rest)))
}

fn run_tool(tool: &'static Tool, args: &[OsString]) -> u8 {
    let mut out = std::io::stdout();
    match (tool.run)(args, &mut out).and_then(|code| Ok(out.flush().map(|()| code)?)) {
        Ok(code) => code,
        // Who reads the output has seen enough: `ps | head` is no mistake.
        Err(Error::Output(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => 0,
        Err(Error::Usage) => {
            complain(&format_args!("usage: {}", tool.usage), tool.name);
            2
        }
        Err(e) => {
            complain(&e, tool.name);
            if let Some(hint) = e.hint() {
                complain(&hint, tool.name);
            }
            1
        }
    }
}

fn complain(what: &dyn std::fmt::Display, name: &str) {
    // Nobody is left to tell when stderr is gone too.
    let _ = writeln!(std::io::stderr(), "{name}: {what}");
}

/// Single-letter flags before the first plain argument, and the rest. `known` lists the letters that are allowed.
fn flags<'a>(args: &'a [OsString], known: &str) -> Result<(String, &'a [OsString])> {
    let mut given = String::new();
    for (i, arg) in args.iter().enumerate() {
        match arg.to_str() {
            Some("--") => return Ok((given, &args[i + 1..])),
            Some(text) if text.len() > 1 && text.starts_with('-') => {
                if !text[1..].chars().all(|c| known.contains(c)) {
                    return Err(Error::Usage);
                }
                given.push_str(&text[1..]);
            }
            _ => return Ok((given, &args[i..])),
        }
    }
    Ok((given, &[]))
}

/// An argument that must be text.
fn text(arg: &OsString) -> Result<&str> {
    arg.to_str().ok_or_else(|| Error::NotText(arg.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn a_tool_is_known_by_the_last_part_of_its_path() {
        assert!(main_if_tool(os(&["/bin/true"])).is_some());
        assert!(main_if_tool(os(&["rlab-tools", "true"])).is_some());
        assert!(main_if_tool(os(&["/usr/bin/rlab", "true"])).is_none());
        assert!(main_if_tool(os(&[])).is_none());
    }

    #[test]
    fn names_are_those_the_image_links() {
        let names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
        assert_eq!(names, crate::image::classroom::lab::TOOL_NAMES);
    }

    #[test]
    fn descriptions_fit_a_terminal() {
        for tool in TOOLS {
            assert!(tool.what.len() <= 51 && tool.usage.starts_with(tool.name), "{}", tool.name);
        }
    }

    #[test]
    fn flags_stop_at_the_first_plain_argument() {
        let args = os(&["-la", "-a", "x", "-l"]);
        let (given, rest) = flags(&args, "la").unwrap();
        assert_eq!((given.as_str(), rest), ("laa", &args[2..]));
        let args = os(&["--", "-x"]);
        assert_eq!(flags(&args, "l").unwrap().1, &args[1..]);
        assert!(matches!(flags(&os(&["-z"]), "l"), Err(Error::Usage)));
    }
}

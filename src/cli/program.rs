//! Flags that mean the same whether the program runs in a container or in a machine.

use super::{Failure, values};
use crate::engine::options::PullPolicy;
use crate::network::{self, Dns};
use crate::sys;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args)]
pub struct ProgramArgs {
    /// Pass standard input on
    #[arg(short, long)]
    pub interactive: bool,
    /// Give the program a terminal
    #[arg(short, long)]
    pub tty: bool,
    /// Set a variable: NAME=VALUE, or NAME for the value it has here
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Set the variables of a file
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Start in this directory
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// Run as this user: name|uid[:group|gid]
    #[arg(short, long)]
    pub user: Option<String>,
    /// Run this in place of the image's entrypoint
    #[arg(long, value_name = "PROGRAM")]
    pub entrypoint: Option<String>,
    /// The host name inside
    #[arg(short = 'h', long)]
    pub hostname: Option<String>,
}

#[derive(Args)]
pub struct NameArgs {
    /// Ask this name server
    #[arg(long, value_name = "ADDRESS", help_heading = "Network")]
    dns: Vec<std::net::IpAddr>,
    /// Look up short names in this domain
    #[arg(long, value_name = "DOMAIN", help_heading = "Network")]
    dns_search: Vec<String>,
    /// Option for the resolver
    #[arg(long, value_name = "OPTION", help_heading = "Network")]
    dns_option: Vec<String>,
    /// Another line of /etc/hosts: name:address
    #[arg(long, value_name = "NAME:ADDRESS", value_parser = network::parse_extra_host, help_heading = "Network")]
    pub add_host: Vec<network::ExtraHost>,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Pull {
    Missing,
    Always,
    Never,
}

impl From<Pull> for PullPolicy {
    fn from(pull: Pull) -> PullPolicy {
        match pull {
            Pull::Missing => PullPolicy::Missing,
            Pull::Always => PullPolicy::Always,
            Pull::Never => PullPolicy::Never,
        }
    }
}

impl ProgramArgs {
    /// A terminal inside takes one outside, if it is to be typed at.
    pub fn check_terminal(&self) -> Result<(), Failure> {
        if self.interactive && self.tty && !sys::isatty(std::io::stdin()) {
            let reason = "the input device is not a TTY: leave -t out to pass a file or a pipe on".to_owned();
            return Err(Failure::Flag { flag: "-it", reason });
        }
        Ok(())
    }

    /// `--env-file` first, then `-e`: what is given later wins.
    pub fn env(&self) -> Result<Vec<String>, Failure> {
        let mut env: Vec<String> = Vec::new();
        for path in &self.env_file {
            let text = std::fs::read_to_string(path).map_err(|error| Failure::File { path: path.clone(), error })?;
            env.extend(values::env_file(&text));
        }
        env.extend(self.env.iter().map(|entry| values::env(entry)));
        Ok(env)
    }
}

impl NameArgs {
    /// Who is asked for names, and how.
    pub fn dns(self) -> Dns {
        Dns { servers: self.dns, search: self.dns_search, options: self.dns_option }
    }
}

/// `-p`, each of which may be several ports.
pub fn ports(given: &[String]) -> Result<Vec<network::PublishedPort>, Failure> {
    let mut ports = Vec::new();
    for text in given {
        let read = network::parse_published(text);
        ports.extend(read.map_err(|error| Failure::Flag { flag: "--publish", reason: error.to_string() })?);
    }
    Ok(ports)
}

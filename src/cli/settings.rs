//! What commands that need an image read first: settings, logins, the registries' client.

use super::{Context, Failure};
use crate::engine::config::Config;
use crate::image::platform::Platform;
use crate::image::registry::{Client, Hosts, Logins, Patience, Settings};
use clap::Args;
use std::path::PathBuf;

/// Flags of every command that may ask a registry.
#[derive(Args, Debug, Clone, Default)]
pub struct RegistryArgs {
    /// Ask this host before the registry itself; may be given more than once
    #[arg(long, value_name = "URL")]
    pub mirror: Vec<String>,
    /// Trust this certificate authority, too
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Give a registry this long to be reached
    #[arg(long, value_name = "SECONDS")]
    pub reach_timeout: Option<u64>,
    /// Choose the image for this machine: os/arch[/variant]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// Where no registry can be reached, do without a classroom image
    #[arg(long)]
    pub no_fallback: bool,
}

/// The settings with the flags laid over them, and the client made of both.
pub fn load(args: &RegistryArgs, context: &Context) -> Result<(Config, Client, Platform), Failure> {
    let mut config = Config::load(context.config.as_deref())?;
    if args.no_fallback {
        config.classroom.fallback = false;
    }
    if let Some(seconds) = args.reach_timeout {
        config.registry.reach_timeout = std::time::Duration::from_secs(seconds);
    }
    if args.cacert.is_some() {
        config.registry.cacert.clone_from(&args.cacert);
    }
    for mirrors in [&args.mirror].into_iter().filter(|mirrors| !mirrors.is_empty()) {
        config.registry.mirrors.insert("docker.io".to_owned(), mirrors.clone());
    }
    let logins = match Logins::default_path() {
        Some(path) => Logins::read(&path)?,
        None => Logins::default(),
    };
    let hosts = Hosts { mirrors: config.registry.mirrors.clone(), insecure: config.registry.insecure.clone() };
    let client = Client::new(Settings {
        hosts,
        patience: Patience { reach: config.registry.reach_timeout, ..Patience::default() },
        cacert: config.registry.cacert.clone(),
        logins,
    })?;
    let platform = match &args.platform {
        Some(text) => text.parse()?,
        None => Platform::host(),
    };
    Ok((config, client, platform))
}

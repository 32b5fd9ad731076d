//! `rlab pull`: an image into the store, unpacked and ready to run.

use super::progress::{Bars, Quiet};
use super::settings::{self, RegistryArgs};
use super::{Context, Failure};
use crate::engine::options::PullPolicy;
use crate::engine::{self, Sources};
use crate::image::progress::Progress;
use crate::image::reference::Reference;
use crate::image::store::Store;
use clap::Args as ClapArgs;
use std::cell::RefCell;

#[derive(ClapArgs)]
pub struct Args {
    /// Print only the image's full name
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten, next_help_heading = "Registry")]
    registry: RegistryArgs,
    /// The image: name[:tag][@digest]
    image: String,
}

/// Pulls, and prints the full name of what is there now.
pub fn run(args: &Args, context: &mut Context) -> Result<u8, Failure> {
    let reference: Reference = args.image.parse().map_err(crate::image::Error::from)?;
    let (config, client, platform) = settings::load(&args.registry, context)?;
    let store = Store::open(&context.home.root).map_err(engine::Error::from)?;
    let before = store.lookup(&reference).map_err(engine::Error::from)?;
    let home = context.home.clone();
    let ui = RefCell::new(&mut context.ui);
    let announce = |line: &str| ui.borrow_mut().status(line);
    if !args.quiet {
        announce(&opening(&args.image, &reference));
    }
    let bars = Bars::new();
    let progress: &dyn Progress = if args.quiet { &Quiet } else { &bars };
    let sources = Sources {
        config: &config,
        client: &client,
        home: &home,
        platform,
        policy: PullPolicy::Always,
        progress,
        announce: &announce,
    };
    let record = engine::obtain(&store, &reference, &sources)?;
    if !args.quiet {
        let is_new = before.is_none_or(|before| before.manifest != record.manifest);
        let status = if is_new { "Downloaded newer image for" } else { "Image is up to date for" };
        announce(&format!("Digest: {}\nStatus: {status} {}", record.target(), reference.familiar()));
    }
    context.ui.result(&format!("{reference}\n"));
    Ok(0)
}

/// What is about to be fetched, from where.
fn opening(typed: &str, reference: &Reference) -> String {
    let tag = reference.target();
    // Told only to those who did not say it.
    let chosen = reference.digest().is_none() && !typed.ends_with(&format!(":{tag}"));
    let default = if chosen { format!("Using default tag: {tag}\n") } else { String::new() };
    format!("{default}{tag}: Pulling from {} at {}", reference.repository(), reference.registry())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_default_tag_is_named_when_it_was_not_typed() {
        let opening = |typed: &str| super::opening(typed, &typed.parse().unwrap());
        assert_eq!(opening("nginx"), "Using default tag: latest\nlatest: Pulling from library/nginx at docker.io");
        assert_eq!(opening("localhost:5000/a:1"), "1: Pulling from a at localhost:5000");
        assert_eq!(opening("nginx:latest"), "latest: Pulling from library/nginx at docker.io");
    }
}

//! `rlab vm run`: the flags of `rlab run` that mean something to a machine, and the machine's own.

use crate::cli::program::{NameArgs, ProgramArgs, Pull, ports};
use crate::cli::progress::{Bars, Quiet};
use crate::cli::settings::{self, RegistryArgs};
use crate::cli::watching::{self, WatchArgs};
use crate::cli::{Context, Failure, values};
use crate::engine::{self, Sources};
use crate::image::progress::Progress;
use crate::sys;
use crate::vm::accel::Accel;
use crate::vm::options::{DEFAULT_MEMORY, MachineOptions};
use clap::{ArgAction, Args as ClapArgs, ValueEnum};
use std::cell::RefCell;
use std::path::PathBuf;

#[derive(ClapArgs)]
#[command(disable_help_flag = true)]
pub struct Args {
    #[command(flatten, next_help_heading = "Watching")]
    watching: WatchArgs,
    /// Let a call fail, to see what happens then: see rlab run --help
    #[arg(long, value_name = "CALL=ERRNO", help_heading = "Watching")]
    inject: Vec<sys::InjectRule>,

    /// What executes the guest's instructions: kvm or tcg. Without it, what works here
    #[arg(long, value_name = "NAME", help_heading = "Machine")]
    accel: Option<Accel>,
    /// The guest's kernel. Without it, one of this host's, or the distribution's, fetched once
    #[arg(long, value_name = "FILE", help_heading = "Machine")]
    kernel: Option<PathBuf>,
    /// Memory, all of it there from the start: 256m, 1g
    #[arg(short, long, value_name = "BYTES", value_parser = memory_mib, default_value = DEFAULT_MEMORY, help_heading = "Machine")]
    memory: u64,
    /// Processors
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=64), default_value_t = 1, help_heading = "Machine")]
    cpus: u32,
    /// Let the guest give memory back to the host that it has freed
    #[arg(long, help_heading = "Machine")]
    balloon: bool,

    /// Give the machine a name
    #[arg(long)]
    name: Option<String>,
    /// Has no meaning here: nothing of a machine is kept when it has ended
    #[arg(long)]
    rm: bool,
    #[command(flatten)]
    program: ProgramArgs,
    /// A setting of the guest's own kernel: vm.swappiness=10
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::sysctl)]
    sysctl: Vec<(String, String)>,
    /// When to ask the registry
    #[arg(long, value_enum, default_value = "missing")]
    pull: Pull,

    /// Show a directory of the host's inside: /host:/guest[:ro]
    #[arg(short, long, value_name = "HOST:GUEST", value_parser = values::bind, help_heading = "Files")]
    volume: Vec<engine::options::Bind>,
    /// Mount a filesystem in memory: /path[:size=64m]
    #[arg(long, value_name = "PATH", value_parser = values::tmpfs, help_heading = "Files")]
    tmpfs: Vec<engine::options::Tmpfs>,
    /// Make the guest's / read-only
    #[arg(long, help_heading = "Files")]
    read_only: bool,

    /// Publish a port: [address:]host:guest[/udp]
    #[arg(short, long, value_name = "HOST:GUEST", help_heading = "Network")]
    publish: Vec<String>,
    /// Which network: QEMU's own, or no card at all
    #[arg(long, visible_alias = "net", value_enum, default_value = "user", help_heading = "Network")]
    network: Network,
    #[command(flatten)]
    names: NameArgs,

    #[command(flatten, next_help_heading = "Registry")]
    registry: RegistryArgs,

    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,

    /// The image: name[:tag][@digest]
    image: String,
    /// The program and its arguments, in place of the image's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Network {
    User,
    None,
}

/// Whole MiB: a machine's memory is made of banks, not of bytes.
fn memory_mib(text: &str) -> Result<u64, String> {
    let bytes = values::bytes(text)?;
    match u64::try_from(bytes).map(|bytes| bytes >> 20) {
        Ok(mib) if mib > 0 => Ok(mib),
        _ => Err("a machine has at least 1m of memory".to_owned()),
    }
}

/// Runs the machine and gives its program's exit code.
pub fn run(args: Args, context: &mut Context) -> Result<u8, Failure> {
    sys::arm_injection(&args.inject);
    args.program.check_terminal()?;
    let (config, client, platform) = settings::load(&args.registry, context)?;
    let telling = args.watching.telling(context, || heading(&args))?;
    let (explains, policy) = (args.watching.explains(), args.pull.into());
    let home = context.home.clone();
    let options = options(args)?;
    let ui = RefCell::new(&mut context.ui);
    let announce = |line: &str| ui.borrow_mut().status(line);
    let bars = Bars::new();
    let progress: &dyn Progress = if explains { &Quiet } else { &bars };
    let sources =
        Sources { config: &config, client: &client, home: &home, platform, policy, progress, announce: &announce };
    Ok(crate::vm::run::run(&home, &options, &sources, telling)?)
}

fn heading(args: &Args) -> String {
    let machine = format!("{} MiB, {} vCPU", args.memory, args.cpus);
    watching::heading(&format!("vm run {}", args.image), Some(&machine))
}

fn options(args: Args) -> Result<MachineOptions, Failure> {
    Ok(MachineOptions {
        env: args.program.env()?,
        ports: ports(&args.publish)?,
        image: args.image,
        command: args.command,
        name: args.name,
        interactive: args.program.interactive,
        terminal: args.program.tty,
        workdir: args.program.workdir,
        user: args.program.user,
        entrypoint: args.program.entrypoint,
        hostname: args.program.hostname,
        binds: args.volume,
        tmpfs: args.tmpfs,
        read_only: args.read_only,
        memory_mib: args.memory,
        cpus: args.cpus,
        balloon: args.balloon,
        network: args.network == Network::User,
        extra_hosts: args.names.add_host.clone(),
        dns: args.names.dns(),
        sysctl: args.sysctl,
        kernel: args.kernel,
        accel: args.accel,
    })
}

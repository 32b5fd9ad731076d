//! `rlab run`: Docker's flags, and those that tell the story.

use super::program::{NameArgs, ProgramArgs, Pull, ports};
use super::progress::{Bars, Quiet};
use super::settings::{self, RegistryArgs};
use super::values::{self, SecurityOpt};
use super::watching::{self, WatchArgs};
use super::{Context, Failure};
use crate::engine::options::{RunOptions, Seccomp};
use crate::engine::{self, Sources};
use crate::image::progress::Progress;
use crate::network::Mode;
use crate::sys;
use clap::{ArgAction, Args as ClapArgs, ValueEnum};
use std::cell::RefCell;

#[derive(ClapArgs)]
#[command(disable_help_flag = true)]
pub struct Args {
    #[command(flatten, next_help_heading = "Watching")]
    watching: WatchArgs,
    /// Enter the image's tree by chroot instead of pivot_root, to see the difference
    #[arg(long, help_heading = "Watching")]
    chroot: bool,
    /// Let a call fail, to see what happens then: mount=EPERM, or pivot_root/chdir=ENOENT:when=2 for the second one of a
    /// stage; CALL=pause waits after it for SIGCONT
    #[arg(long, value_name = "CALL=ERRNO", help_heading = "Watching")]
    inject: Vec<sys::InjectRule>,

    /// Give the container a name
    #[arg(long)]
    name: Option<String>,
    /// Keep nothing of the container when it has ended
    #[arg(long)]
    rm: bool,
    #[command(flatten)]
    program: ProgramArgs,
    /// Put a small init in front of the program, to pass signals on and to wait for orphans
    #[arg(long)]
    init: bool,
    /// When to ask the registry
    #[arg(long, value_enum, default_value = "missing")]
    pull: Pull,

    /// Show a directory or file of the host's inside: /host:/container[:ro]
    #[arg(short, long, value_name = "HOST:CONTAINER", value_parser = values::bind, help_heading = "Files")]
    volume: Vec<engine::options::Bind>,
    /// Mount a filesystem in memory: /path[:size=64m]
    #[arg(long, value_name = "PATH", value_parser = values::tmpfs, help_heading = "Files")]
    tmpfs: Vec<engine::options::Tmpfs>,
    /// Make the container's tree read-only
    #[arg(long, help_heading = "Files")]
    read_only: bool,
    /// Size of /dev/shm
    #[arg(long, value_name = "BYTES", value_parser = values::bytes, default_value = "64m", help_heading = "Files")]
    shm_size: i64,

    /// Limit memory: 64m, 1g
    #[arg(short, long, value_name = "BYTES", value_parser = values::bytes, help_heading = "Limits")]
    memory: Option<i64>,
    /// Limit memory and swap together; -1 is unlimited swap
    #[arg(long, value_name = "BYTES", value_parser = values::bytes, allow_hyphen_values = true, help_heading = "Limits")]
    memory_swap: Option<i64>,
    /// Limit processor time: 0.5 is half of one processor
    #[arg(long, value_name = "NUMBER", value_parser = values::cpus, help_heading = "Limits")]
    cpus: Option<u64>,
    /// Weight against others when processors are short; 1024 is normal
    #[arg(short, long, value_name = "WEIGHT", help_heading = "Limits")]
    cpu_shares: Option<u64>,
    /// Limit the number of processes; -1 is unlimited
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, help_heading = "Limits")]
    pids_limit: Option<i64>,
    /// Limit of each process: nofile=1024[:2048]
    #[arg(long, value_name = "NAME=SOFT[:HARD]", value_parser = values::ulimit, help_heading = "Limits")]
    ulimit: Vec<engine::options::Ulimit>,

    /// Leave a capability that is normally taken, or ALL
    #[arg(long, value_name = "CAPABILITY", help_heading = "Security")]
    cap_add: Vec<String>,
    /// Take a capability that is normally left, or ALL
    #[arg(long, value_name = "CAPABILITY", help_heading = "Security")]
    cap_drop: Vec<String>,
    /// All capabilities, all devices, no filter: as good as root on the host
    #[arg(long, help_heading = "Security")]
    privileged: bool,
    /// seccomp=unconfined, seccomp=FILE or no-new-privileges
    #[arg(long, value_name = "OPTION", value_parser = values::security_opt, help_heading = "Security")]
    security_opt: Vec<SecurityOpt>,

    /// Publish a port: [address:]host:container[/udp]
    #[arg(short, long, value_name = "HOST:CONTAINER", help_heading = "Network")]
    publish: Vec<String>,
    /// Which network
    #[arg(long, visible_alias = "net", value_enum, default_value = "bridge", help_heading = "Network")]
    network: Network,
    #[command(flatten)]
    names: NameArgs,

    /// The host's PID namespace
    #[arg(long, value_name = "host", value_parser = ["host"], help_heading = "Namespaces")]
    pid: Option<String>,
    /// The host's UTS namespace
    #[arg(long, value_name = "host", value_parser = ["host"], help_heading = "Namespaces")]
    uts: Option<String>,
    /// The host's IPC namespace
    #[arg(long, value_name = "host|private", value_parser = ["host", "private"], help_heading = "Namespaces")]
    ipc: Option<String>,
    /// The host's cgroup namespace
    #[arg(long, value_name = "host|private", value_parser = ["host", "private"], help_heading = "Namespaces")]
    cgroupns: Option<String>,
    /// A user namespace of its own, or the host's, which is the default
    #[arg(long, value_name = "host|private", value_parser = ["host", "private"], help_heading = "Namespaces")]
    userns: Option<String>,
    /// A time namespace of its own, or the host's, which is the default
    #[arg(long, value_name = "host|private", value_parser = ["host", "private"], help_heading = "Namespaces")]
    timens: Option<String>,
    /// A kernel setting of the container's own namespaces: net.ipv4.ip_forward=1
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::sysctl, help_heading = "Namespaces")]
    sysctl: Vec<(String, String)>,

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

#[derive(Clone, Copy, ValueEnum)]
enum Network {
    Bridge,
    None,
    Host,
}

impl From<Network> for Mode {
    fn from(network: Network) -> Mode {
        match network {
            Network::Bridge => Mode::Bridge,
            Network::None => Mode::None,
            Network::Host => Mode::Host,
        }
    }
}

/// Runs the container and gives its exit code.
pub fn run(args: Args, context: &mut Context) -> Result<u8, Failure> {
    sys::arm_injection(&args.inject);
    let kept_off = sys::run_from_read_only();
    kept_off.map_err(|error| engine::Error::Call { stage: "exec", error })?;
    args.program.check_terminal()?;
    let (config, client, platform) = settings::load(&args.registry, context)?;
    let telling = args.watching.telling(context, || heading(&args.image))?;
    let explains = args.watching.explains();
    let home = context.home.clone();
    let options = options(args)?;
    let ui = RefCell::new(&mut context.ui);
    let announce = |line: &str| ui.borrow_mut().status(line);
    // The story tells of each blob and layer itself; bars would run through it.
    let bars = Bars::new();
    let progress: &dyn Progress = if explains { &Quiet } else { &bars };
    let sources = Sources {
        config: &config,
        client: &client,
        home: &home,
        platform,
        policy: options.pull,
        progress,
        announce: &announce,
    };
    Ok(engine::run(&home, &options, &sources, telling)?)
}

/// What is run, as whom, on what.
fn heading(image: &str) -> String {
    let groups = engine::cgroup_layout().unwrap_or("absent");
    watching::heading(&format!("run {image}"), Some(&format!("cgroup {groups}")))
}

/// The profile, and whether no_new_privs is set; of two that say the same, the later wins.
fn security(args: &Args) -> (Seccomp, bool) {
    let (mut seccomp, mut no_new_privileges) = (Seccomp::Default, false);
    for option in &args.security_opt {
        match option {
            SecurityOpt::Seccomp(profile) => seccomp = profile.clone(),
            SecurityOpt::NoNewPrivileges(on) => no_new_privileges = *on,
        }
    }
    (seccomp, no_new_privileges)
}

fn options(args: Args) -> Result<RunOptions, Failure> {
    let (env, ports, (seccomp, no_new_privileges)) = (args.program.env()?, ports(&args.publish)?, security(&args));
    let is = |value: &Option<String>, wanted: &str| value.as_deref() == Some(wanted);
    Ok(RunOptions {
        image: args.image,
        command: args.command,
        name: args.name,
        remove: args.rm,
        interactive: args.program.interactive,
        terminal: args.program.tty,
        env,
        workdir: args.program.workdir,
        user: args.program.user,
        entrypoint: args.program.entrypoint,
        hostname: args.program.hostname,
        binds: args.volume,
        tmpfs: args.tmpfs,
        read_only: args.read_only,
        memory_bytes: args.memory,
        memory_swap_bytes: args.memory_swap,
        shm_bytes: u64::try_from(args.shm_size).unwrap_or_default(),
        cpu_millis: args.cpus,
        cpu_shares: args.cpu_shares,
        pids_limit: args.pids_limit,
        ulimits: args.ulimit,
        cap_add: args.cap_add,
        cap_drop: args.cap_drop,
        privileged: args.privileged,
        seccomp,
        no_new_privileges,
        init: args.init,
        ports,
        network: args.network.into(),
        extra_hosts: args.names.add_host.clone(),
        dns: args.names.dns(),
        sysctl: args.sysctl,
        host_pid: args.pid.is_some(),
        host_uts: args.uts.is_some(),
        host_ipc: is(&args.ipc, "host"),
        host_cgroup: is(&args.cgroupns, "host"),
        private_user: is(&args.userns, "private"),
        private_time: is(&args.timens, "private"),
        chroot: args.chroot,
        pull: args.pull.into(),
    })
}

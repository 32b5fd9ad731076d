//! `rlab run`, as a recipe.

use super::container::{Container, Record};
use super::error::{Error, file};
use super::home::Home;
use super::images::{Sources, obtain};
use super::journal::Made;
use super::options::RunOptions;
use super::spec::{Order, spec};
use super::user::resolve as resolve_user;
use super::{idmap, image_config, look, snapshot};
use crate::image::config::ExecConfig;
use crate::image::reference::Reference;
use crate::image::store::{ImageRecord, Store};
use crate::network::{self, Attached, Mode};
use crate::shim::{self, EnterRoot, Signals, Task};
use crate::sys::{self, Ended, rootdir::RootDir};
use crate::trace::{self, Follower, Replay, Stage};
use serde_json::json;
use std::fs::OpenOptions;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// What exit code 137 does not say.
const OOM_KILLED: &str = "rlab: the kernel killed a process in there: the group wanted more memory than its limit\n  \
    check: dmesg | grep 'Memory cgroup out of memory'\n  \
    try: a higher --memory, or rlab run --explain to see what was counted";

/// Who listens to the story: nothing is built for it when nobody does.
#[derive(Default)]
pub struct Telling {
    /// The views in the foreground.
    pub replay: Option<Replay>,
}

/// Runs a container in the foreground and gives its exit code.
pub fn run(home: &Home, options: &RunOptions, sources: &Sources<'_>, telling: Telling) -> Result<u8, Error> {
    if sys::geteuid() != 0 {
        return Err(Error::NotRoot(sys::geteuid()));
    }
    let reference: Reference = options.image.parse().map_err(crate::image::Error::from)?;
    let store = Store::open(&home.root)?;
    // Before the first thing is made: from here on a request to end is heeded where what was made can be taken away again.
    let mut signals = Signals::new().map_err(|errno| shim::Error::Streams { what: "signalfd4", errno })?;
    let mut container = Container::new(home, Record::new(&options.image, options.name.clone())?)?;
    let told = telling.replay.is_some();
    if let Some(replay) = telling.replay {
        listen(home, &container, replay)?;
    }
    let result = live(home, options, sources, &reference, &store, &mut container, &mut signals);
    let undone = tear_down(container, options, told, &result);
    trace::finish();
    // The first error is the one that tells what happened; what went wrong in clearing up after it is a consequence.
    let ended = result?;
    undone?;
    Ok(ended.code())
}

/// From the image to the program's end.
fn live(
    home: &Home,
    options: &RunOptions,
    sources: &Sources<'_>,
    reference: &Reference,
    store: &Store,
    container: &mut Container,
    signals: &mut Signals,
) -> Result<Ended, Error> {
    let image = heeding(signals, container, || obtain(store, reference, sources))?;
    let config = store.config(&image)?.config;
    image_config::check(&config, options.workdir.as_deref())?;
    let rootfs =
        trace::stage(Stage::Snapshot, || snapshot::create(home, container, store, &image, options.private_user))?;
    let args = command(&options.image, options.entrypoint.as_deref(), &options.command, &config)?;
    keep_record(container, &image, &args, options.remove)?;
    go_on(signals)?;
    let hostname = hostname(options, container);
    let network = trace::stage(Stage::Network, || connect(home, options, container, &hostname))?;
    go_on(signals)?;
    trace::stage(Stage::Bundle, || bundle(options, container, &config, &args, &rootfs, &hostname, &network))?;
    go_on(signals)?;
    container.will_make(&Made::Runtime)?;
    let task = Task {
        id: container.record.id.clone(),
        bundle: container.dir.clone(),
        dir: container.dir.clone(),
        enter_root: if options.chroot { EnterRoot::Chroot } else { EnterRoot::PivotRoot },
        init: options.init,
        interactive: options.interactive,
        terminal: options.terminal,
        running: running(&args, &network),
    };
    let finished = shim::run(&task, signals).map_err(|error| match error.look() {
        Some((command, file)) => {
            let inside = look::lister(&home.root, reference);
            let check = look::check(command, file, &options.binds, &image.lower_dirs(store), &inside);
            Error::Program { error: Box::new(error), check }
        }
        None => error.into(),
    })?;
    // The story says so itself, in its place.
    if finished.oom_killed && !trace::enabled() {
        (sources.announce)(OOM_KILLED);
    }
    Ok(finished.ended)
}

/// Runs `body`, which may take minutes and has threads in the middle of something (a download, a name look-up), and ends
/// rlab at once when it is asked to: what was made for the container goes, what was fetched is resumed the next time.
pub fn heeding<T>(
    signals: &mut Signals,
    container: &Container,
    body: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let broken = |errno| shim::Error::Streams { what: "pipe2", errno };
    let (over, done) = sys::pipe().map_err(broken)?;
    std::thread::scope(|scope| {
        let watch = || {
            while !sys::poll_readable(&[signals.fd(), over.as_fd()], None).is_ok_and(|ready| ready[1]) {
                if let Some(signal) = signals.asked_to_end() {
                    container.abandon();
                    trace::finish();
                    sys::exit_now(i32::from(Ended::Signalled(signal).code()));
                }
            }
        };
        // Behind a filter that answers EPERM instead of ENOSYS, the C library has no second way to make a thread.
        std::thread::Builder::new().spawn_scoped(scope, watch).map_err(|error| {
            let errno = sys::Errno::from_raw(error.raw_os_error().unwrap_or_default());
            shim::Error::Streams { what: "clone3", errno }
        })?;
        let result = body();
        drop(done); // the thread is joined: what comes after must be done by a process with one thread
        result
    })
}

/// A request to end that came while no program was there to pass it to.
pub fn go_on(signals: &mut Signals) -> Result<(), Error> {
    match signals.asked_to_end() {
        Some(signal) => Err(Error::Interrupted(sys::signal_name(signal))),
        None => Ok(()),
    }
}

/// Now the container stands on these layers: `rlab image rm` will leave them alone.
fn keep_record(container: &mut Container, image: &ImageRecord, args: &[String], remove: bool) -> Result<(), Error> {
    container.record.image_id = Some(image.config.clone());
    container.record.layers = image.layers.iter().map(|layer| layer.diff_id.clone()).collect();
    container.record.command = args.to_vec();
    container.record.save(&container.dir)?;
    if !remove {
        container.record.save(&container.kept)?;
        container.will_make(&Made::Keep(container.kept.clone()))?;
    }
    Ok(())
}

/// Opens the trace: append-only and close-on-exec, before any other process exists.
pub fn listen(home: &Home, container: &Container, replay: Replay) -> Result<(), Error> {
    let path = trace_path(&container.dir);
    let trace_file = OpenOptions::new().create(true).append(true).open(&path).map_err(file(&path))?;
    let follower = Follower::open(&path, replay).map_err(file(&path))?;
    trace::open(trace_file, sys::shared_counter(), Some(follower));
    // A reader of the trace, in stable mode above all, has to know which part of a path is a matter of this rlab's place.
    trace::work("home", || json!({"root": home.root, "run": home.run}));
    Ok(())
}

/// Where a container's trace lies in its directory.
pub fn trace_path(dir: &Path) -> PathBuf {
    dir.join("trace.jsonl")
}

/// `--entrypoint` and the command replace the image's as Docker does: a new entrypoint drops the image's command, too.
pub fn command(
    image: &str,
    entrypoint: Option<&str>,
    command: &[String],
    config: &ExecConfig,
) -> Result<Vec<String>, Error> {
    let (entrypoint, replaced) = match entrypoint {
        Some("") => (Vec::new(), true),
        Some(program) => (vec![program.to_owned()], true),
        None => (config.entrypoint.clone(), false),
    };
    let rest = match (command.is_empty(), replaced) {
        (false, _) => command.to_vec(),
        (true, false) => config.cmd.clone(),
        (true, true) => Vec::new(),
    };
    let args: Vec<String> = entrypoint.into_iter().chain(rest).collect();
    if args.is_empty() { Err(Error::NoCommand(image.to_owned())) } else { Ok(args) }
}

fn hostname(options: &RunOptions, container: &Container) -> String {
    let own = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned();
    match &options.hostname {
        Some(name) => name.clone(),
        // With the host's network it answers under the host's name.
        None if options.host_uts || options.network == Mode::Host => own(),
        None => container.record.short().to_owned(),
    }
}

fn connect(home: &Home, options: &RunOptions, container: &mut Container, hostname: &str) -> Result<Attached, Error> {
    let request = network::Request {
        id: container.record.id.clone(),
        mode: options.network,
        root: home.root.clone(),
        run: home.run.clone(),
        program: PathBuf::from("/proc/self/exe"),
        ports: options.ports.clone(),
        hostname: hostname.to_owned(),
        dns: options.dns.clone(),
        extra_hosts: options.extra_hosts.clone(),
    };
    let journal = &mut container.journal;
    Ok(network::create(&request, &mut |resource| journal.record(&Made::Network(resource)))?)
}

/// Writes config.json and the files that go over /etc.
fn bundle(
    options: &RunOptions,
    container: &Container,
    config: &ExecConfig,
    args: &[String],
    rootfs: &Path,
    hostname: &str,
    network: &Attached,
) -> Result<(), Error> {
    // What is made from here on is for the container's users to read, whatever umask rlab was started with.
    sys::mount::umask(0o022).map_err(super::error::refused("bundle"))?;
    let tree = RootDir::open(rootfs).map_err(super::error::refused("bundle"))?;
    let user = resolve_user(options.user.as_deref().unwrap_or(&config.user), &tree)?;
    let files = [("resolv.conf", &network.resolv_conf), ("hosts", &network.hosts), ("hostname", &network.hostname)];
    for (name, text) in files {
        let path = container.dir.join(name);
        std::fs::write(&path, text).map_err(file(&path))?;
        if options.private_user {
            idmap::give(&path, "bundle")?;
        }
    }
    for bind in &options.binds {
        make_source(&bind.source)?;
    }
    let order = Order {
        id: &container.record.id,
        options,
        image: config,
        args,
        user: &user,
        hostname,
        netns: network.netns.as_deref(),
        rootfs,
        dir: &container.dir,
        kernel: kernel_release(),
        console: sys::window_size(std::io::stdin()).filter(|_| options.terminal).map(|size| (size.rows, size.columns)),
    };
    let path = container.dir.join("config.json");
    let text = serde_json::to_vec_pretty(&spec(&order)?).unwrap_or_default();
    std::fs::write(&path, &text).map_err(file(&path))?;
    trace::work(
        "bundle",
        || json!({"path": path.to_string_lossy(), "args": args.join(" "), "user": format!("{}:{}", user.uid, user.gid)}),
    );
    if !config.volumes.is_empty() {
        trace::note(
            "volumes_not_kept",
            || json!({"paths": config.volumes.keys().cloned().collect::<Vec<_>>().join(", ")}),
        );
    }
    Ok(())
}

/// As Docker's -v: a source that isn't there becomes an empty directory.
pub fn make_source(source: &Path) -> Result<(), Error> {
    let missing: Vec<&Path> = source.ancestors().take_while(|folder| !folder.exists()).collect();
    missing.into_iter().rev().try_for_each(|folder| sys::mkdir(folder, 0o755)).map_err(super::error::refused("bundle"))
}

/// `6.18` of `6.18.44-something`.
fn kernel_release() -> (u32, u32) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

fn running(args: &[String], network: &Attached) -> serde_json::Value {
    let program = args.first().map_or("", |program| program.rsplit('/').next().unwrap_or(program));
    let ports = network.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
    let urls: Vec<String> = ports.map(|port| format!("http://localhost:{}", port.host_port)).collect();
    let reach =
        if urls.is_empty() { String::new() } else { format!(" Try {} from another terminal.", urls.join(", ")) };
    json!({"program": program, "reach": reach})
}

/// Takes away what was made, and keeps what the user may still want: the writable layer, the record, the trace.
fn tear_down(
    mut container: Container,
    options: &RunOptions,
    told: bool,
    result: &Result<Ended, Error>,
) -> Result<(), Error> {
    // Whatever goes wrong here is told, but after the rest was taken away.
    let kept = match result {
        Ok(ended) if !options.remove => keep(&mut container, told, ended.code()),
        _ => container.will_make(&Made::Directory(container.kept.clone())),
    };
    trace::stage(Stage::Teardown, || {
        let (counts, error) = container.journal.undo();
        trace::note("undone", || json!({"things": listed(&counts)}));
        error.map_or(Ok(()), Err)
    })
    .and(kept)
}

fn keep(container: &mut Container, told: bool, exit_code: u8) -> Result<(), Error> {
    container.record.exit_code = Some(exit_code);
    container.record.save(&container.kept)?;
    if !told {
        return Ok(());
    }
    // The file is kept by a second name: the first goes with the container's directory.
    let (path, kept) = (trace_path(&container.dir), trace_path(&container.kept));
    let linked = std::fs::hard_link(&path, &kept);
    linked.or_else(|_other_disk| std::fs::copy(&path, &kept).map(drop)).map_err(file(&kept))
}

/// The things of an undo list in words: `2 mounts, 1 directory`.
pub fn listed(counts: &[(&'static str, usize)]) -> String {
    let one = |(sort, count): &(&'static str, usize)| match (*sort, *count) {
        (sort, 1) => format!("1 {sort}"),
        ("directory", count) => format!("{count} directories"),
        ("address", count) => format!("{count} addresses"),
        (sort, count) => format!("{count} {sort}s"),
    };
    counts.iter().map(one).collect::<Vec<_>>().join(", ")
}

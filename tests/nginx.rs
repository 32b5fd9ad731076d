//! The main job with real parts: an nginx image, a registry on loopback, a page over a published port, and a stop that
//! leaves nothing; and a second server, to see that it was not made for nginx alone.
//!
//! The image is made by rlab itself from the distribution's packages, once, and kept beside the test's other files.

use crate::harness::host::{Inventory, alone, together};
use crate::harness::terminal::CTRL_C;
use crate::harness::web::{free_port, host_address, http_get_once_up};
use crate::harness::{Rlab, Running, need};
use crate::registry::{self, Registry};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);
/// What the page of Debian's nginx says.
pub const PAGE: &str = "Welcome to nginx!";

/// Ends a test unless all is there for an nginx image in a registry of its own. Gives the image's layout.
macro_rules! need_nginx {
    () => {{
        $crate::harness::need!(
            root(),
            programs(&["docker-registry", "skopeo", "umoci"], "apt install docker-registry skopeo umoci"),
            programs(&["ip", "nft"], "apt install iproute2 nftables")
        );
        match $crate::nginx::layout() {
            Ok(layout) => layout,
            Err(reason) => return $crate::skip::aloud(reason),
        }
    }};
}
pub(crate) use need_nginx;

/// An OCI layout with nginx in it as `latest`, compressed as images are.
pub fn layout() -> Result<&'static Path, String> {
    static LAYOUT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    LAYOUT.get_or_init(|| made_or_kept("nginx")).as_deref().map_err(Clone::clone)
}

/// The same with redis in it.
pub fn redis_layout() -> Result<&'static Path, String> {
    static LAYOUT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    LAYOUT.get_or_init(|| made_or_kept("redis")).as_deref().map_err(Clone::clone)
}

/// A registry with nginx in it.
pub fn registry_with(layout: &Path, auth: bool) -> Registry {
    let registry = Registry::start(auth);
    registry.push(layout, "latest", "library/nginx");
    registry
}

/// Puts the image into an rlab, as `nginx`.
pub fn into(rlab: &Rlab) -> Result<(), String> {
    let registry = registry_with(layout()?, false);
    let config = rlab.folder().join("with-registry.toml");
    let host = &registry.host;
    let text = format!("[registry]\nmirrors = {{ \"docker.io\" = [\"http://{host}\"] }}\ninsecure = [\"{host}\"]\n");
    std::fs::write(&config, text).unwrap();
    rlab.run(&["--config", config.to_str().unwrap(), "pull", "nginx"]).succeeded();
    Ok(())
}

/// The image by the name one would type.
pub fn image(registry: &Registry) -> String {
    registry.host.replace("127.0.0.1", "localhost") + "/library/nginx"
}

/// A command for which Docker's registry is out of reach, whether or not this machine has a way to it: in a mount
/// namespace of its own, its name means this host, where nobody listens on its port.
pub fn without_registry(rlab: &Rlab, arguments: &[&str]) -> Command {
    let hosts = rlab.folder().join("hosts");
    let known = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    std::fs::write(&hosts, format!("127.0.0.1 registry-1.docker.io\n{known}")).unwrap();
    let inner = rlab.command(arguments);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", r#"mount --bind "$0" /etc/hosts && exec "$@""#]);
    command.arg(hosts).arg(inner.get_program()).args(inner.get_args());
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(rlab.folder()).stdin(std::process::Stdio::null());
    command
}

/// Gives an rlab the package cache that all tests share, so that packages are fetched once.
pub fn share_packages(rlab: &Rlab) {
    let cache = kept("classroom");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::create_dir_all(rlab.root()).unwrap();
    symlink(cache, rlab.root().join("classroom")).unwrap();
}

/// Beside the test's program, where a later run finds it again.
fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn made_or_kept(name: &str) -> Result<PathBuf, String> {
    let folder = kept(&format!("{name}-{:016x}", recipe_hash()));
    if folder.exists() {
        return Ok(folder);
    }
    let _turn = together();
    let rlab = Rlab::new();
    share_packages(&rlab);
    let output = Running::start(&mut without_registry(&rlab, &["pull", "--quiet", name])).wait(4 * SOON);
    if !output.status.success() {
        return Err(format!("no {name} image can be made of packages here: {}", output.stderr.trim()));
    }
    let store = rlab.root().join("image");
    let images: serde_json::Value = serde_json::from_slice(&std::fs::read(store.join("images.json")).unwrap()).unwrap();
    let digest = images["images"][format!("docker.io/library/{name}:latest")]["manifest"].as_str().unwrap();
    let plain = rlab.folder().join("layout");
    lay_out(&store, digest, &plain);
    // Compressed once, here: no push has to do it again. The new folder shows up under its name when it is whole.
    let unfinished = kept(&format!("{name}-{}", std::process::id()));
    let to = |folder: &Path| format!("oci:{}:latest", folder.display());
    registry::run(
        Command::new("skopeo").args(["copy", "--quiet", "--insecure-policy"]).arg(to(&plain)).arg(to(&unfinished)),
    );
    if std::fs::rename(&unfinished, &folder).is_err() {
        std::fs::remove_dir_all(&unfinished).unwrap(); // another run was first
    }
    Ok(folder)
}

/// An OCI layout around blobs of rlab's store.
fn lay_out(store: &Path, manifest: &str, layout: &Path) {
    std::fs::create_dir(layout).unwrap();
    symlink(store.join("blobs"), layout.join("blobs")).unwrap();
    std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let size = std::fs::metadata(store.join("blobs").join(manifest.replace(':', "/"))).unwrap().len();
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": size,
        "annotations": {"org.opencontainers.image.ref.name": "latest"}}]});
    std::fs::write(layout.join("index.json"), index.to_string()).unwrap();
}

/// The image is another one when what makes it, or what it is made of, is.
fn recipe_hash() -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/image/classroom")];
    let mut files = vec![PathBuf::from("/etc/os-release")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files.iter().for_each(|file| std::fs::read(file).unwrap_or_default().hash(&mut hasher));
    hasher.finish()
}

fn address(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Asks for the page by every address of the host that a published port has.
fn assert_served(port: u16) {
    let own = host_address();
    for ip in [Some(LOOPBACK), Some(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)), own].into_iter().flatten() {
        let answer = http_get_once_up(address(ip, port), "/", SOON);
        assert!(answer.status == 200 && answer.body.contains(PAGE), "{ip}: {answer:?}");
    }
}

fn assert_nobody_listens(port: u16) {
    TcpStream::connect(address(LOOPBACK, port)).expect_err("nobody listens any more");
}

#[test]
fn nginx_from_a_registry_serves_until_it_is_asked_to_end() {
    let layout = need_nginx!();
    let _turn = alone();
    let (registry, rlab) = (registry_with(layout, false), Rlab::new());
    let image = image(&registry);
    rlab.run(&["pull", &image]).succeeded().wrote(&format!("{image}:latest"));
    // The first run makes the folders that stay.
    rlab.run(&["run", "--rm", &image, "nginx", "-v"]).succeeded();
    let (before, port) = (Inventory::take(&[&rlab.root()]), free_port());
    let publish = format!("{port}:80");
    let running = rlab.start(&["run", "--rm", "-p", &publish, "--explain", &image]);
    assert_served(port);
    running.signal(Signal::SIGTERM);
    let output = running.wait(SOON).succeeded();
    for stage in ["resolve", "unpack", "network", "cgroup", "namespaces", "exec", "wait", "stop", "teardown"] {
        assert!(output.stderr.contains(&format!(" {stage} ──")), "{stage} is not told\n{output}");
    }
    let told = output.stderr.split_once(" stop ──").unwrap().1;
    assert!(told.contains("SIGTERM") && told.contains("Taken away: "), "{output}");
    assert!(!told.contains("nothing to do"), "{output}");
    // The image logs to the container's own output: that is not the story's.
    assert!(output.stdout.contains("GET / HTTP/1.0") && !output.stdout.contains("──"), "{output}");
    before.assert_restored();
    assert_nobody_listens(port);
}

#[test]
fn ctrl_c_ends_nginx_and_leaves_nothing() {
    let layout = need_nginx!();
    let _turn = alone();
    let (registry, rlab) = (registry_with(layout, false), Rlab::new());
    let image = image(&registry);
    rlab.run(&["run", "--rm", &image, "nginx", "-v"]).succeeded();
    let (before, port) = (Inventory::take(&[&rlab.root()]), free_port());
    let mut terminal = rlab.terminal(&["run", "--rm", "-p", &format!("{port}:80"), "--explain", &image]);
    terminal.wait_for(&format!("http://localhost:{port}"), SOON);
    assert_served(port);
    terminal.type_in(CTRL_C);
    let (status, text) = (terminal.wait(SOON), terminal.text());
    let told = text.split_once(" stop ──").unwrap_or_else(|| panic!("nothing of a stop in\n{text}")).1;
    assert!(status.success() && told.contains("SIGINT") && told.contains("Taken away: "), "{status}\n{text}");
    before.assert_restored();
}

#[test]
fn nginx_behind_a_login_runs_with_dockers_own() {
    let layout = need_nginx!();
    need!(programs(&["htpasswd"], "apt install apache2-utils"));
    let _turn = together();
    let (registry, rlab) = (registry_with(layout, true), Rlab::new());
    let name = image(&registry);
    let run = ["run", "--rm", "--network", "none", &name, "nginx", "-v"];
    rlab.run(&run).ended_with(125).told("wants a login").told("docker login");
    // As `docker login localhost:5000` leaves it, where Docker keeps it.
    let config = std::fs::read_to_string(registry.docker_config().join("config.json")).unwrap();
    std::fs::create_dir(rlab.home().join(".docker")).unwrap();
    std::fs::write(rlab.home().join(".docker/config.json"), config.replace("127.0.0.1", "localhost")).unwrap();
    rlab.run(&run).succeeded().told("nginx version: nginx/");
}

#[test]
fn a_port_in_use_is_told_and_leaves_nothing() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = alone();
    let rlab = Rlab::new();
    rlab.run(&["run", "--rm", "lab", "id"]).succeeded();
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let before = Inventory::take(&[&rlab.root()]);
    let publish = format!("{port}:80");
    for explain in [&[][..], &["--explain"]] {
        let arguments = [&["run", "--rm", "-p", &publish], explain, &["lab", "id"]].concat();
        let output = rlab.run(&arguments).ended_with(125).wrote("");
        let told = output.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(&format!("port is already allocated: 0.0.0.0:{port}/tcp is taken")), "{output}");
        assert!(told.contains("try: choose another port"), "{output}");
        before.assert_restored();
    }
}

#[test]
fn redis_made_of_packages_answers() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = together();
    let rlab = Rlab::new();
    share_packages(&rlab);
    let port = free_port();
    let mut command = without_registry(&rlab, &["run", "--rm", "-p", &format!("{port}:6379"), "redis"]);
    let mut running = Running::start(&mut command);
    let until = Instant::now() + 4 * SOON;
    let answer = loop {
        if let Ok(answer) = ping(port) {
            break answer;
        }
        if running.has_ended() {
            let output = running.wait(SOON);
            return crate::skip::aloud(format!("no redis image can be made of packages here: {}", output.stderr));
        }
        assert!(Instant::now() < until, "redis does not answer");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(answer, "+PONG\r\n");
    running.signal(Signal::SIGTERM);
    running.wait(SOON).succeeded();
}

/// Says PING to a redis at a port of this host.
pub fn ping(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address(LOOPBACK, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn the_tree_is_what_umoci_makes_of_it() {
    let layout = need_nginx!();
    let _turn = together();
    let (registry, rlab) = (registry_with(layout, false), Rlab::new());
    let image = image(&registry);
    rlab.run(&["pull", &image]).succeeded();
    let bundle = rlab.folder().join("umoci");
    registry::run(
        Command::new("umoci").args(["unpack", "--image", &format!("{}:latest", layout.display())]).arg(&bundle),
    );
    let expected = tree(&[bundle.join("rootfs")]);
    let found = tree(&layers(&rlab));
    assert!(expected.len() > 500 && found.len() == expected.len(), "{} and {}", found.len(), expected.len());
    let differs = |(path, entry): (&PathBuf, &Entry)| {
        let ours = found.get(path);
        (ours != Some(entry)).then(|| format!("{}\n  umoci: {entry:?}\n  rlab:  {ours:?}\n", path.display()))
    };
    let different: Vec<String> = expected.iter().filter_map(differs).collect();
    assert!(different.is_empty(), "{} entries differ, such as\n{}", different.len(), different[0]);
}

/// Where the layers of the only image lie unpacked, bottom first.
fn layers(rlab: &Rlab) -> Vec<PathBuf> {
    let store = rlab.root().join("image");
    let images: serde_json::Value = serde_json::from_slice(&std::fs::read(store.join("images.json")).unwrap()).unwrap();
    let image = images["images"].as_object().unwrap().values().next().unwrap();
    let folder = |layer: &serde_json::Value| {
        let diff_id = layer["diff_id"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
        store.join("layers").join(diff_id).join("fs")
    };
    image["layers"].as_array().unwrap().iter().map(folder).collect()
}

/// All that a tree says of a file.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    mode: u32,
    owner: (u32, u32),
    size: u64,
    content: u64,
    device: u64,
    modified: (i64, i64),
    attributes: BTreeMap<OsString, Vec<u8>>,
}

/// The files of folders that lie over one another, by path. No image of ours hides anything, which is checked.
fn tree(layers: &[PathBuf]) -> BTreeMap<PathBuf, Entry> {
    let mut found = BTreeMap::new();
    for layer in layers {
        let mut folders = vec![layer.clone()];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
                let entry = entry(&path);
                assert!(entry.device != 0 || entry.mode >> 12 != 2, "{} is a whiteout", path.display());
                if entry.mode >> 12 == 4 {
                    folders.push(path.clone());
                }
                found.insert(path.strip_prefix(layer).unwrap().to_owned(), entry);
            }
        }
    }
    found
}

fn entry(path: &Path) -> Entry {
    let about = path.symlink_metadata().unwrap();
    let mut hasher = DefaultHasher::new();
    if about.is_file() {
        std::fs::read(path).unwrap().hash(&mut hasher);
    } else if about.is_symlink() {
        std::fs::read_link(path).unwrap().as_os_str().as_bytes().hash(&mut hasher);
    }
    Entry {
        mode: about.mode(),
        owner: (about.uid(), about.gid()),
        // A folder's size is the filesystem's affair.
        size: if about.is_dir() { 0 } else { about.len() },
        content: hasher.finish(),
        device: about.rdev(),
        modified: (about.mtime(), about.mtime_nsec()),
        attributes: attributes(path),
    }
}

fn attributes(path: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let mut names = [0; 4096];
    let length = rustix::fs::llistxattr(path, &mut names[..]).unwrap();
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let value = |name: &[u8]| {
        let mut value = [0; 4096];
        let length = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        (std::ffi::OsStr::from_bytes(name).to_owned(), value[..length].to_vec())
    };
    names.map(value).collect()
}

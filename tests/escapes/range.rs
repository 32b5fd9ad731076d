//! Where attacks are tried: an rlab, the attacker's program, and a file that stands for the host's.

use crate::harness::lab::Lab;
use crate::harness::{Output, Rlab, Running};
use crate::registry::{Layout, Recipe, Registry};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// What the host's file says.
pub const SECRET: &str = "of the host's";

/// The attacker's program, statically linked, because it has to run in any image.
static ATTACKER: OnceLock<Vec<u8>> = OnceLock::new();

/// A lab with an attacker.
pub struct Range {
    lab: Lab,
    folder: TempDir,
}

/// A [`Range`], or the end of the test, aloud, where there can be none.
macro_rules! range {
    () => {{
        $crate::harness::need!(programs(&["cc"], "apt install gcc libc6-dev"));
        $crate::escapes::range::Range::new($crate::harness::lab::lab!())
    }};
}
pub(crate) use range;

impl Range {
    /// Compiles the attacker's program, once for all tests.
    pub fn new(lab: Lab) -> Self {
        let folder = tempfile::Builder::new().prefix("rlab-escapes-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let range = Self { lab, folder };
        std::fs::write(range.attacker(), ATTACKER.get_or_init(|| compile(&["main", "calls", "files", "outside"], &[])))
            .unwrap();
        std::fs::set_permissions(range.attacker(), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(range.marker(), SECRET).unwrap();
        std::fs::write(range.strict_profile(), strict_profile()).unwrap();
        range
    }

    /// A folder of the host's for the test's own files.
    pub fn place(&self) -> &Path {
        self.folder.path()
    }

    /// The attacker's program.
    pub fn attacker(&self) -> PathBuf {
        self.place().join("attack")
    }

    /// A file of the host's that no container was given.
    pub fn marker(&self) -> PathBuf {
        self.place().join("marker")
    }

    /// Docker's default filter, without what it opens to the holders of capabilities.
    pub fn strict_profile(&self) -> PathBuf {
        self.place().join("strict.json")
    }

    /// Runs the attacker's program in a container of the image `lab`, and gives what came of each attempt.
    #[track_caller]
    pub fn attack(&self, flags: &[&str], attempts: &[&str]) -> BTreeMap<String, String> {
        let volume = format!("{}:/attack:ro", self.attacker().display());
        let flags = [&["-v", &volume][..], flags].concat();
        let output = self.lab.tool(&flags, &[&["/attack"][..], attempts].concat()).succeeded();
        outcomes(&output)
    }

    /// The one outcome of one attempt.
    #[track_caller]
    pub fn outcome(&self, flags: &[&str], attempt: &str) -> String {
        self.attack(flags, &[attempt]).remove(attempt).unwrap_or_default()
    }

    /// The same in a container that runc makes of rlab's own config.json, in the tree of an rlab that is running.
    #[track_caller]
    pub fn attack_under_runc(&self, attempts: &[&str]) -> BTreeMap<String, String> {
        let volume = format!("{}:/attack:ro", self.attacker().display());
        let flags = ["-v", &volume];
        let running = self.start(&Lab::arguments(&flags, &["sh", "-c", "echo up; sleep 1000"]));
        running.wait_for_stdout("up", Duration::from_secs(60));
        let bundle = self.place().join("bundle");
        let config = find_config(&self.root()).expect("a running container has a bundle");
        let mut config: Value = serde_json::from_slice(&std::fs::read(config).unwrap()).unwrap();
        config["process"]["args"] = [&["/attack"], attempts].concat().into();
        config["linux"]["cgroupsPath"] = format!("/rlab-escapes-{}", std::process::id()).into();
        std::fs::create_dir(&bundle).unwrap();
        std::fs::write(bundle.join("config.json"), config.to_string()).unwrap();
        let mut runc = Command::new("runc");
        runc.arg("--root").arg(self.place().join("runc")).args(["run", "--bundle"]).arg(&bundle).arg("escapes");
        let output = Running::start(runc.stdin(Stdio::null())).wait(Duration::from_secs(60)).succeeded();
        running.signal(nix::sys::signal::Signal::SIGTERM);
        running.wait(Duration::from_secs(60));
        outcomes(&output)
    }

    /// The marker is as it was, and nothing was put beside it.
    #[track_caller]
    pub fn assert_marker_untouched(&self) {
        assert_eq!(std::fs::read_to_string(self.marker()).unwrap(), SECRET);
    }
}

impl Deref for Range {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        &self.lab
    }
}

/// Hostile images, from a registry of the test's own, and an rlab that gets them: that of the other tests stays without.
pub struct Images {
    registry: Registry,
    rlab: Rlab,
}

/// [`Images`], or the end of the test, aloud, where there can be none.
macro_rules! images {
    () => {{
        $crate::harness::need!(programs(
            &["docker-registry", "skopeo", "umoci"],
            "apt install docker-registry skopeo umoci"
        ));
        $crate::escapes::range::Images::new()
    }};
}
pub(crate) use images;

impl Images {
    /// An empty registry.
    pub fn new() -> Self {
        Self { registry: Registry::start(false), rlab: Rlab::new() }
    }

    /// An image with the attacker's program at /attack and what a script makes around it. Gives its name.
    pub fn add(&self, range: &Range, name: &str, script: &str, config: &[&str]) -> String {
        let script = format!("cp {} attack; {script}", range.attacker().display());
        let config = [&["--config.cmd", "/attack"], config].concat();
        let layout = Layout::build(&Recipe { layers: &[&script], config: &config });
        self.registry.push(&layout.path(), "latest", name);
        format!("{}/{name}", self.registry.host)
    }

    /// Runs a program of an image, without a network.
    #[track_caller]
    pub fn run(&self, flags: &[&str], image: &str, command: &[&str]) -> Output {
        self.rlab.run(&[&["run", "--rm", "--network", "none"], flags, &[image], command].concat())
    }

    /// Runs an image's own attacker.
    #[track_caller]
    pub fn attack(&self, flags: &[&str], image: &str, attempts: &[&str]) -> Output {
        self.run(flags, image, &[&["/attack"], attempts].concat())
    }
}

/// What the attacker's program has printed, by attempt.
#[track_caller]
pub fn outcomes(output: &Output) -> BTreeMap<String, String> {
    let lines = output.stdout.lines().map(|line| line.trim_end());
    lines
        .map(|line| line.rsplit_once(": ").map(|(attempt, outcome)| (attempt.to_owned(), outcome.to_owned())))
        .map(|read| read.unwrap_or_else(|| panic!("not what an attacker prints\n{output}")))
        .collect()
}

/// The config.json of the one container that runs below a folder.
fn find_config(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find_map(|path| match path.file_name() {
        Some(name) if name == "config.json" => Some(path),
        Some(name) if name == "rootfs" || name == "image" => None,
        _ if path.is_dir() => find_config(&path),
        _ => None,
    })
}

/// A library that writes a file when it is loaded.
pub fn compile_library() -> Vec<u8> {
    build(&["library"], &["-shared", "-fPIC", "-nostdlib"])
}

/// Compiles a program of files of the attacker's folder.
pub fn compile(stems: &[&str], flags: &[&str]) -> Vec<u8> {
    build(stems, &[&["-static"], flags].concat())
}

fn build(stems: &[&str], flags: &[&str]) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escapes/attacker");
    let built = tempfile::tempdir().unwrap();
    let program = built.path().join("program");
    let files = stems.iter().map(|stem| folder.join(format!("{stem}.c")));
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).args(files).args(flags);
    crate::registry::run(&mut cc);
    std::fs::read(program).unwrap()
}

fn strict_profile() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/runtime/seccomp/docker_default.json");
    let mut profile: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let rules = profile["syscalls"].as_array_mut().unwrap();
    rules.retain(|rule| rule["includes"]["caps"].is_null());
    for rule in rules {
        if let Some(excludes) = rule.get_mut("excludes").and_then(Value::as_object_mut) {
            excludes.shift_remove("caps");
        }
    }
    profile.to_string()
}

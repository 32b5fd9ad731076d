//! `rlab pull`, `images` and `image …` against a real registry.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::registry::{Layout, PASSWORD, Recipe, Registry, missing};

/// Why the tests here cannot run, told aloud; `None` when they can.
macro_rules! needs_registry {
    () => {
        if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
            crate::skip::aloud("building and unpacking images needs root");
            return;
        }
        if missing(&["docker-registry", "skopeo", "umoci", "htpasswd"]) {
            return;
        }
    };
}

const IMAGE: Recipe<'_> = Recipe {
    layers: &["mkdir -p etc; echo one > etc/one; head -c 200000 /dev/urandom > data", "rm etc/one; echo two > etc/two"],
    config: &["--config.cmd", "/bin/two", "--config.env", "A=b", "--config.stopsignal", "SIGQUIT"],
};

/// A root directory of its own.
struct Rlab {
    root: TempDir,
}

impl Rlab {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rlab"));
        command.args(args).env("RLAB_ROOT", self.root.path()).env_remove("RLAB_CONFIG");
        command.env("DOCKER_CONFIG", self.root.path()).env("XDG_CONFIG_HOME", self.root.path());
        command
    }

    /// What a command that must succeed prints.
    fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command that must fail says, and its exit code.
    fn fail(&self, args: &[&str]) -> (String, Option<i32>) {
        let output = self.command(args).output().unwrap();
        assert!(!output.status.success(), "{args:?}: {}", text(&output));
        (text(&output), output.status.code())
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn entries(path: &Path) -> usize {
    std::fs::read_dir(path).unwrap().count()
}

#[test]
fn an_image_is_pulled_looked_at_and_taken_away() {
    needs_registry!();
    let _turn = crate::harness::host::together();
    let registry = Registry::start(false);
    registry.push(&Layout::build(&IMAGE).path(), "latest", "lab/small:1");
    let rlab = Rlab::new();
    let name = format!("{}/lab/small:1", registry.host);
    assert_eq!(rlab.run(&["pull", &name]), format!("{name}\n"));
    let shown: Value = serde_json::from_str(&rlab.run(&["image", "inspect", &name])).unwrap();
    let image = &shown[0];
    assert_eq!((&image["Config"]["Cmd"][0], &image["Config"]["StopSignal"]), (&"/bin/two".into(), &"SIGQUIT".into()));
    assert_eq!(
        (&image["RepoTags"][0], &image["Rlab"]["Provenance"]["kind"]),
        (&name.as_str().into(), &"registry".into())
    );
    assert_eq!(image["RootFS"]["Layers"].as_array().unwrap().len(), 2);
    let id = rlab.run(&["images", "-q"]);
    assert!(image["Id"].as_str().unwrap().starts_with(&format!("sha256:{}", id.trim())), "{id}");
    let listed = rlab.run(&["images"]);
    assert!(
        listed.starts_with("REPOSITORY")
            && listed.contains(&format!("{}/lab/small   1     {}", registry.host, id.trim())),
        "{listed}"
    );
    let line: Value = serde_json::from_str(&rlab.run(&["images", "--format", "json"])).unwrap();
    assert_eq!(line["Tag"], "1");
    assert_eq!(rlab.run(&["image", "history", "-q", &name]).lines().last(), Some("<missing>"));
    assert!(rlab.run(&["image", "rm", id.trim()]).starts_with(&format!("Untagged: {name}\nDeleted: sha256:")));
    assert_eq!(rlab.run(&["images"]), "REPOSITORY   TAG   IMAGE ID   CREATED   SIZE\n");
    for folder in ["blobs/sha256", "layers", "ingest"] {
        assert_eq!(entries(&rlab.root.path().join("image").join(folder)), 0, "{folder}");
    }
}

#[test]
fn a_closed_registry_opens_with_dockers_login_alone() {
    needs_registry!();
    let _turn = crate::harness::host::together();
    let registry = Registry::start(true);
    registry.push(&Layout::build(&IMAGE).path(), "latest", "lab/small:1");
    let rlab = Rlab::new();
    let name = format!("{}/lab/small:1", registry.host);
    let (said, code) = rlab.fail(&["pull", &name]);
    assert!(said.contains("wants a login") && said.contains("docker login") && code == Some(125), "{said}");
    let mut with_login = rlab.command(&["pull", &name]);
    let output = with_login.env("DOCKER_CONFIG", registry.docker_config()).output().unwrap();
    assert!(output.status.success() && !text(&output).contains(PASSWORD), "{}", text(&output));
}

#[test]
fn processes_that_pull_at_once_share_the_work() {
    needs_registry!();
    let _turn = crate::harness::host::together();
    let registry = Registry::start(false);
    registry.push(&Layout::build(&IMAGE).path(), "latest", "lab/small:1");
    let rlab = Rlab::new();
    let name = format!("{}/lab/small:1", registry.host);
    let pull = |_| {
        rlab.command(&["pull", &name])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let pulls: Vec<_> = (0..4).map(pull).collect();
    let said: Vec<String> = pulls.into_iter().map(|pull| text(&pull.wait_with_output().unwrap())).collect();
    let fetched = said.concat().matches(": fetched").count();
    assert_eq!((fetched, said.concat().matches(": unpacked").count()), (3, 2), "{said:#?}");
    assert_eq!(rlab.run(&["images", "-q"]).lines().count(), 1);
    assert_eq!(entries(&rlab.root.path().join("image/ingest")), 0);
}

#[test]
fn a_mirror_of_the_config_file_stands_in_for_its_registry() {
    needs_registry!();
    let _turn = crate::harness::host::together();
    let registry = Registry::start(false);
    registry.push(&Layout::build(&IMAGE).path(), "latest", "library/small:1");
    let rlab = Rlab::new();
    let config = rlab.root.path().join("rlab");
    std::fs::create_dir(&config).unwrap();
    let text = format!("[registry.mirrors]\n'docker.io' = ['{}']\n", registry.host);
    std::fs::write(config.join("config.toml"), text).unwrap();
    assert_eq!(rlab.run(&["pull", "-q", "small:1"]), "docker.io/library/small:1\n");
    let shown: Value = serde_json::from_str(&rlab.run(&["image", "inspect", "small:1"])).unwrap();
    assert_eq!(shown[0]["Rlab"]["Provenance"]["upstream"], "docker.io");
}

#[test]
fn what_cannot_be_pulled_says_why_and_what_to_try() {
    let _turn = crate::harness::host::together();
    let rlab = Rlab::new();
    let cases: [(&[&str], &[&str]); 4] = [
        (&["pull", "NGINX"], &["capital letter", "try: nginx"]),
        (
            &["pull", "--no-fallback", "127.0.0.1:1/lab/x"],
            &["127.0.0.1:1 cannot be reached: the connection is refused"],
        ),
        (&["image", "inspect", "nothing"], &["no image \"nothing\" here"]),
        (&["pull", "--platform", "linux", "x"], &["is no platform"]),
    ];
    for (args, expected) in cases {
        let (said, code) = rlab.fail(args);
        assert!(code == Some(125) && expected.iter().all(|part| said.contains(part)), "{args:?}: {said}");
    }
    let config = rlab.root.path().join("config.toml");
    std::fs::write(&config, "[registry]\nmirorrs = {}\n").unwrap();
    let (said, _) = rlab.fail(&["--config", config.to_str().unwrap(), "pull", "x"]);
    assert!(said.contains("config.toml, line 2") && said.contains("mirorrs"), "{said}");
}

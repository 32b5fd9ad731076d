//! `rlab pull` and `run` at registries that misbehave: what the user is told, and that the host stays as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::harness::host::{Inventory, together};
use crate::harness::need;
use crate::harness::{Output, Rlab};
use crate::registry::cases::{self, Case, Expect, World};
use crate::registry::server::{Reply, Server};

/// Rows that are played at once: most of their time is spent waiting.
const AT_ONCE: usize = 8;

#[test]
fn whatever_a_registry_does_the_user_is_told_and_the_host_is_as_it_was() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = crate::harness::host::alone();
    let folder = tempfile::tempdir().unwrap();
    let before = Inventory::take_without_files(folder.path());
    let rows = Mutex::new(cases::PROMPT.iter().flat_map(|cases| cases.iter()));
    let count = Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = rows.lock().unwrap().next() else { break };
                    play(case, folder.path());
                    *count.lock().unwrap() += 1;
                }
            });
        }
    });
    before.assert_restored();
    assert_eq!(*count.lock().unwrap(), 124);
}

/// Pulls from a registry that misbehaves, and then, into the same store, from the same one come to its senses.
fn play(case: &'static Case, folder: &Path) {
    let name = case.name;
    let (world, elsewhere) = World::new();
    let registry = world.registry(case);
    let rlab = Rlab::new_in(folder);
    let docker = rlab.home().join(".docker");
    std::fs::create_dir(&docker).unwrap();
    let login = format!(r#"{{"auths":{{"{}":{{"username":"student","password":"hunter2"}}}}}}"#, registry.host);
    std::fs::write(docker.join("config.json"), login).unwrap();
    let reference = format!("{}/lab/a:1", registry.host);
    let empty = store(&rlab);
    let output = rlab.run(&["pull", &reference]);
    match case.expect {
        Expect::Pulled => drop(output.succeeded()),
        Expect::Refused(told) => {
            assert_eq!(output.status.code(), Some(125), "{name}: {output}");
            let text = output.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            // With a login at hand the next step is another one.
            let told = told.iter().filter(|part| !part.contains("docker login"));
            told.for_each(|part| assert!(text.contains(part), "{name}: no {part:?} in {output}"));
            assert!(text.contains("try: "), "{name}: no next step in {output}");
            assert!(!output.stderr.contains(|c: char| c.is_control() && c != '\n'), "{name}: {:?}", output.stderr);
            assert!(!output.stderr.contains("panicked"), "{name}: {output}");
            let left = store(&rlab);
            assert!(left.values().sum::<u64>() < 1 << 20, "{name}: {left:?}");
            assert!(left.keys().all(|path| empty.contains_key(path) || is_kept(path)), "{name}: {left:?}");
        }
    }
    assert!(!told(&rlab).contains("hunter2"), "{name}: the password is on disk");
    for request in elsewhere.requests() {
        assert!(!request.headers.contains_key("authorization"), "{name}: {request:?}");
    }
    let image = world.image.clone();
    registry.behave(move |request| image.serve(request));
    rlab.run(&["pull", &reference]).succeeded();
    assert!(!store(&rlab).keys().any(|path| path.starts_with("ingest")), "{name}: something is left of it");
}

/// What a pull that failed may leave: blobs under the names of their content, a blob half fetched, and locks.
fn is_kept(path: &Path) -> bool {
    ["blobs", "ingest", "lock", "layers"].iter().any(|part| path.starts_with(part))
        && !path.to_string_lossy().contains("/new")
}

/// The files of the store and their sizes.
fn store(rlab: &Rlab) -> BTreeMap<PathBuf, u64> {
    let (root, mut found) = (rlab.root().join("image"), BTreeMap::new());
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let stat = std::fs::symlink_metadata(&path).unwrap();
            if stat.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(&root).unwrap().to_owned(), stat.len());
            }
        }
    }
    found
}

/// All that rlab has written down.
fn told(rlab: &Rlab) -> String {
    let files = store(rlab);
    let small =
        files.iter().filter(|(_, bytes)| **bytes < 100_000).map(|(path, _)| rlab.root().join("image").join(path));
    small.map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()).collect()
}

#[test]
fn a_run_that_finds_no_image_leaves_nothing() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = crate::harness::host::alone();
    let rlab = Rlab::new();
    let before = Inventory::take_without_files(&rlab.root());
    for case in cases::DOCUMENTS.iter().filter(|case| matches!(case.expect, Expect::Refused(_))).step_by(6) {
        let (world, _elsewhere) = World::new();
        let registry = world.registry(case);
        let output = rlab.run(&["run", "--rm", "--explain=brief", &format!("{}/lab/a:1", registry.host)]);
        assert_eq!(output.status.code(), Some(125), "{}: {output}", case.name);
        assert!(output.stderr.contains("try: "), "{}: {output}", case.name);
        before.assert_restored();
    }
}

#[test]
fn layers_that_are_named_twice_can_be_stacked() {
    need!(root(), programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = crate::harness::host::alone();
    let rlab = Rlab::new();
    let case = cases::DOCUMENTS.iter().find(|case| case.name == "names the same layer twice").unwrap();
    let (world, _elsewhere) = World::new();
    let registry = world.registry(case);
    let before = Inventory::take_without_files(&rlab.root());
    // Its one file is no program: to find that out, the image must have been there.
    let output = rlab.run(&["run", "--rm", "--network", "none", &format!("{}/lab/a:1", registry.host), "/data"]);
    assert_eq!(output.status.code(), Some(126), "{output}");
    before.assert_restored();
}

fn with_config(rlab: &Rlab, text: &str) {
    std::fs::write(rlab.folder().join("config.toml"), text).unwrap();
}

#[test]
fn a_mirrors_answer_is_told_before_a_classroom_image_is_taken() {
    need!(root());
    let _turn = together();
    let mirror = Server::start(|request| match request.path.as_str() {
        "/v2/" => Reply::new("200 OK", "", "{}"),
        _ => Reply::new("404 x", "", ""),
    });
    let rlab = Rlab::new();
    // The registry itself is a port of loopback that nobody listens on.
    with_config(&rlab, &format!("[registry.mirrors]\n'127.0.0.1:1' = ['http://{}']\n", mirror.host));
    let output: Output = rlab.run(&["pull", "127.0.0.1:1/lab/a:1"]);
    let said = output.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(125), "{output}");
    assert!(said.contains("127.0.0.1:1 cannot be reached"), "{output}");
    assert!(said.contains(&format!("before that, registry {} has no lab/a:1", mirror.host)), "{output}");
}

#[test]
fn a_registry_that_says_nothing_at_all_is_not_there() {
    let _turn = crate::harness::host::together();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let rlab = Rlab::new();
    with_config(&rlab, "[registry]\nreach_timeout_s = 0.3\n");
    let address = silent.local_addr().unwrap();
    let output = rlab.run(&["pull", "--no-fallback", &format!("{address}/lab/a:1")]);
    assert_eq!(output.status.code(), Some(125), "{output}");
    output.told("cannot be reached: no answer within 0.3 s").told("try: ");
}

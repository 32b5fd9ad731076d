//! Registries that misbehave, and a client that bears it: every row of tests/registry/cases.rs, up to the unpacked image.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Client, Hosts, Patience, Settings};
use crate::image::digest::Hasher;
use crate::image::platform::Platform;
use crate::image::progress::Silent;
use crate::image::pull::pull;
use crate::image::resolve::resolve;
use crate::image::store::Store;
use crate::image::tests::fixture::cases::{self, Case, Expect, World};
use crate::image::tests::fixture::server::{Reply, Server};
use crate::image::unpack::Limits;
use crate::image::verify::verify;
use crate::image::{Error, layers};
use crate::sys::tree;

/// Longer than the slowest row takes on a busy machine, and far shorter than for ever.
const BOUND: Duration = Duration::from_secs(60);
/// More than any honest answer of these rows, so that a body without end is seen to be cut off.
const MAX_SENT_BYTES: u64 = 64 << 20;

fn client(silence: Duration) -> Client {
    let patience =
        Patience { reach: Duration::from_secs(5), silence, pause: Duration::from_millis(1), ..Patience::default() };
    Client::new(Settings { patience, ..Settings::default() }).unwrap()
}

fn take_in(store: &Store, client: &Client, host: &str) -> Result<(), Error> {
    let reference = format!("{host}/lab/a:1").parse().unwrap();
    let resolved = resolve(client, &reference, &Platform::host())?;
    let lease = store.lease()?;
    pull(&lease, client, &resolved, &Silent)?;
    let record = verify(&lease, &resolved)?.record;
    if tree::is_root() {
        layers::unpack(&lease, &record, Limits::default(), &Silent)?;
    }
    Ok(lease.tag(&record)?)
}

/// Plays one row, and then behaves: what was left must not be in the way.
fn play(case: &'static Case, silence: Duration) {
    let name = case.name;
    let (world, elsewhere) = World::new();
    let registry = world.registry(case);
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let began = Instant::now();
    let result = take_in(&store, &client(silence), &registry.host);
    assert!(began.elapsed() < BOUND, "{name}: took {:?}", began.elapsed());
    match (case.expect, &result) {
        (Expect::Pulled, _) => assert!(result.is_ok(), "{name}: {result:?}"),
        (Expect::Refused(told), Err(error)) => {
            let text = format!("{error}\n{}", error.hint().unwrap_or_default());
            assert!(error.hint().is_some(), "{name}: no next step: {text}");
            assert!(!text.replace('\n', "").contains(char::is_control), "{name}: {text:?}");
            assert!(text.len() < 1000, "{name}: {text}");
            told.iter().for_each(|part| assert!(text.contains(part), "{name}: no {part:?} in {text:?}"));
        }
        (Expect::Refused(_), Ok(())) => panic!("{name}: it was pulled"),
    }
    assert!(registry.sent_bytes() < MAX_SENT_BYTES, "{name}: took {} bytes", registry.sent_bytes());
    let asked = registry.requests().len();
    assert!(asked < 40, "{name}: asked {asked} times");
    let followed = elsewhere.requests().iter().any(|request| request.headers.contains_key("authorization"));
    assert!(!followed, "{name}: a login or token went elsewhere");
    if result.is_err() {
        assert_eq!(store.images().unwrap().len(), 0, "{name}: it has a name");
    }
    assert_whole(name, &root.path().join("image"));
    let image = world.image.clone();
    registry.behave(move |request| image.serve(request));
    take_in(&store, &client(silence), &registry.host).unwrap_or_else(|error| panic!("{name}, then good: {error}"));
    assert_eq!(files(&root.path().join("image/ingest")).len(), 0, "{name}: something is left of it");
}

/// Whatever has a final name is what it is called; what is half fetched is kept only where there is something to keep.
fn assert_whole(name: &str, image: &Path) {
    for blob in files(&image.join("blobs/sha256")) {
        let mut hasher = Hasher::new(crate::image::digest::Algorithm::Sha256);
        hasher.update_from(std::fs::File::open(&blob).unwrap()).unwrap();
        assert!(blob.ends_with(hasher.finish().hex()), "{name}: {blob:?} is something else");
    }
    for partial in files(&image.join("ingest")) {
        let bytes = std::fs::metadata(&partial).unwrap().len();
        assert!(bytes > 0 && bytes < 300_000, "{name}: {partial:?} has {bytes} bytes");
    }
    for folder in files(&image.join("layers")) {
        assert!(!folder.join("new").exists(), "{name}: {folder:?} is half unpacked");
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn play_all(all: &'static [Case], silence: Duration) {
    std::thread::scope(|scope| {
        for part in all.chunks(all.len().div_ceil(4)) {
            scope.spawn(move || part.iter().for_each(|case| play(case, silence)));
        }
    });
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn connections_that_break_are_taken_up_or_given_up() {
    play_all(cases::BREAKS, LONG);
}

#[test]
fn doors_that_lead_astray_are_not_gone_through() {
    play_all(cases::DOORS, LONG);
}

#[test]
fn answers_that_are_no_yes_are_told_apart() {
    play_all(cases::STATUSES, LONG);
}

#[test]
fn redirects_lead_to_registries_alone_and_take_no_login_along() {
    play_all(cases::REDIRECTS, LONG);
}

#[test]
fn documents_that_are_no_images_are_named() {
    play_all(cases::DOCUMENTS, LONG);
}

#[test]
fn bytes_on_the_wire_that_lie_are_found_out() {
    play_all(cases::WIRES, LONG);
}

#[test]
fn silence_and_trickles_end() {
    play_all(cases::STALLS, Duration::from_millis(300));
}

#[test]
fn there_is_a_row_for_each_of_them() {
    let names: Vec<&str> =
        cases::PROMPT.iter().flat_map(|cases| cases.iter()).chain(cases::STALLS).map(|case| case.name).collect();
    let different: std::collections::BTreeSet<&&str> = names.iter().collect();
    assert_eq!((names.len(), different.len()), (133, 133));
    writeln!(
        std::io::stderr(),
        "{} registries that misbehave, {} of them through the binary, too",
        names.len(),
        names.len() - cases::STALLS.len()
    )
    .unwrap();
}

#[test]
fn a_failed_request_is_sent_four_times_and_no_more() {
    let server = Server::start(|_| Reply::new("502 x", "Retry-After: 0\r\n", ""));
    let store = tempfile::tempdir().unwrap();
    take_in(&Store::open(store.path()).unwrap(), &client(LONG), &server.host).unwrap_err();
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_download_goes_on_by_range_where_it_broke() {
    let (world, _elsewhere) = World::new();
    let registry = world.registry(&cases::BREAKS[0]);
    let root = tempfile::tempdir().unwrap();
    take_in(&Store::open(root.path()).unwrap(), &client(LONG), &registry.host).unwrap();
    let ranges: Vec<String> = registry.requests().iter().map(|request| request.header("range").to_owned()).collect();
    assert!(ranges.contains(&"bytes=70000-".to_owned()), "{ranges:?}");
}

#[test]
fn a_login_goes_to_the_token_server_and_to_nobody_else() {
    let (world, elsewhere) = World::new();
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"lab\"", elsewhere.host);
    let image = world.image.clone();
    let registry = Server::start(move |request| match request.header("authorization") {
        "Bearer from-elsewhere" if request.path.contains("/blobs/") => {
            Reply::new("307 x", &format!("Location: http://{}{}\r\n", world.elsewhere, request.path), "")
        }
        "Bearer from-elsewhere" => image.serve(request),
        _ => Reply::new("401 x", &format!("WWW-Authenticate: {realm}\r\n"), ""),
    });
    let logins = format!(r#"{{"auths":{{"{}":{{"username":"u","password":"p"}}}}}}"#, registry.host);
    let client =
        Client::new(Settings { logins: serde_json::from_str(&logins).unwrap(), ..Settings::default() }).unwrap();
    let root = tempfile::tempdir().unwrap();
    take_in(&Store::open(root.path()).unwrap(), &client, &registry.host).unwrap();
    let given = |server: &Server| -> Vec<String> {
        let requests = server.requests();
        requests.iter().filter_map(|request| request.headers.get("authorization").cloned()).collect()
    };
    assert!(given(&registry).iter().all(|value| value == "Bearer from-elsewhere"), "{:?}", given(&registry));
    assert_eq!(given(&elsewhere), ["Basic dTpw"]);
    assert!(elsewhere.requests().len() > 2, "the blobs were elsewhere");
}

#[test]
fn what_a_mirror_said_is_told_when_the_registry_is_not_there() {
    let (world, _elsewhere) = World::new();
    let mirror = Server::start(move |request| match request.path.contains("/manifests/") {
        true => Reply::new("404 x", "", ""),
        false => world.image.serve(request),
    });
    let mirrors = [("127.0.0.1:1".to_owned(), vec![format!("http://{}", mirror.host)])].into();
    let settings = Settings { hosts: Hosts { mirrors, insecure: Vec::new() }, ..Settings::default() };
    let client = Client::new(settings).unwrap();
    let reference = "127.0.0.1:1/lab/a:1".parse().unwrap();
    let error = resolve(&client, &reference, &Platform::host()).unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    let told = error.to_string();
    assert!(told.contains("127.0.0.1:1 cannot be reached: the connection is refused; before that, "), "{told}");
    assert!(told.contains(&format!("registry {} has no lab/a:1", mirror.host)), "{told}");
    assert!(error.hint().is_some());
}

#[test]
fn a_host_without_a_port_is_tried_at_each_schemes_own() {
    // Nobody serves these ports on 127.0.0.9, and nothing leaves this machine.
    let client = Client::new(Settings::default()).unwrap();
    let reference = "127.0.0.9/lab/a:1".parse().unwrap();
    let error = resolve(&client, &reference, &Platform::host()).unwrap_err().to_string();
    assert!(error.contains("127.0.0.9 (ports 80 and 443) cannot be reached"), "{error}");
    let asked: Vec<String> = client.take_exchanges().into_iter().map(|exchange| exchange.url).collect();
    assert_eq!(asked, ["http://127.0.0.9/v2/", "https://127.0.0.9/v2/"]);
}

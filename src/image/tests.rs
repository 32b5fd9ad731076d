//! Whole pulls from a real registry, compared with what umoci makes of the same image.
#![allow(clippy::disallowed_macros, reason = "a test that is skipped says so aloud")]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Mutex;

use super::layers::LayerReport;
use super::manifest::Descriptor;
use super::platform::Platform;
use super::progress::{Progress, Silent};
use super::pull::{Outcome, PullReport, pull};
use super::reference::Reference;
use super::registry::tests as scripted;
use super::registry::{self, Client, Hosts, Logins, Settings};
use super::resolve::{Resolved, resolve};
use super::store::{ImageRecord, Provenance, Store};
use super::unpack::Limits;
use super::verify::verify;
use super::{Error, layers};

#[path = "../../tests/registry/mod.rs"]
pub mod fixture;

use fixture::{Layout, Recipe, Registry, missing};

const PROGRAMS: [&str; 6] = ["docker-registry", "skopeo", "umoci", "htpasswd", "getfattr", "openssl"];

macro_rules! needs_registry {
    () => {
        if !crate::sys::tree::is_root() {
            crate::skip::aloud("building and unpacking images needs root");
            return;
        }
        if missing(&PROGRAMS) {
            return;
        }
    };
}

/// Everything an image can have, spread over four layers.
const WORLD: Recipe<'_> = Recipe {
    layers: &[
        "mkdir -p bin etc/deep/er tmp var/empty; chmod 1777 tmp; echo hi > etc/motd; printf '%s' \"$(seq 50000)\" > etc/big
         cp /bin/true bin/su; chmod 4755 bin/su; chown 33:44 etc/motd; ln -s /etc/motd bin/motd; ln etc/motd etc/motd.hard
         mknod -m 600 etc/null c 1 3; mkfifo etc/pipe; setcap cap_net_raw+ep bin/su; setfattr -n user.lab -v 1 etc/motd
         touch -d '2001-02-03 04:05:06.789 UTC' etc/big; touch etc/gone; mkdir etc/gonedir; touch etc/gonedir/x",
        "rm etc/gone; rm -r etc/gonedir; echo changed > etc/motd; rm bin/motd; mkdir bin/motd; touch bin/motd/now-a-dir
         truncate -s 1M etc/sparse; echo end >> etc/sparse; chown -h 7:8 tmp",
        "rm -r etc/deep; mkdir -p etc/deep; touch etc/deep/new; ln -s ../../../../etc/passwd etc/deep/out
         mkdir $(printf 'd%.0s' $(seq 120)); touch $(printf 'd%.0s' $(seq 120))/$(printf 'f%.0s' $(seq 150)); touch 'etc/ä b'",
        "touch etc/deep/er etc/gone; rm etc/big; touch -d '1960-01-01' etc/old",
    ],
    config: &["--config.cmd", "/bin/su", "--config.env", "A=b"],
};

fn client(settings: Settings) -> Client {
    Client::new(settings).unwrap()
}

fn reference(registry: &Registry, name: &str) -> Reference {
    format!("{}/{name}", registry.host).parse().unwrap()
}

fn take_in(
    store: &Store,
    client: &Client,
    reference: &Reference,
) -> Result<(Resolved, PullReport, ImageRecord), Error> {
    let resolved = resolve(client, reference, &Platform::host())?;
    let lease = store.lease()?;
    let report = pull(&lease, client, &resolved, &Silent)?;
    let verified = verify(&lease, &resolved)?;
    layers::unpack(&lease, &verified.record, Limits::default(), &Silent)?;
    lease.tag(&verified.record)?;
    Ok((resolved, report, verified.record))
}

/// One line an entry: kind, mode, owner, size, links, time and link text; digest, device number and attributes besides.
/// The root's own time is left out, which umoci changes by unpacking into it.
const LIST: &str = r##"
    find . -mindepth 1 -type d -printf '%p\t%y %m %U:%G %T@\n'; find . -maxdepth 0 -printf '%p\t%y %m %U:%G\n'
    find . ! -type d -printf '%p\t%y %m %U:%G %s %n %T@ %l\n'
    find . -type f -exec sha256sum {} + | awk '{print $2 " content\t" $1}'
    find . \( -type c -o -type b \) -printf '%p device\t' -exec stat -c '%t:%T' {} \;
    getfattr -R -h -d -m '^(user|security)[.]' -e hex . | awk '/^# file/{f=$3} /=/{print f " attribute\t" $1}'
"##;

fn list(script: &str, arguments: &[&str]) -> BTreeMap<String, String> {
    let script = format!("{script}\n{LIST}");
    let output = fixture::run(Command::new("unshare").args(["-m", "sh", "-ec", &script, "sh"]).args(arguments));
    output.lines().filter_map(|line| line.split_once('\t')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

/// Stacks layers with the kernel's own overlayfs, in a mount namespace that ends with the command.
fn merged(record: &ImageRecord, store: &Store) -> BTreeMap<String, String> {
    let (merged, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut dirs: Vec<String> = record.lower_dirs(store).iter().map(|path| path.display().to_string()).collect();
    // The kernel wants two directories to stack; the second shows nothing.
    dirs.push(empty.path().display().to_string());
    let script = r#"mount -t overlay overlay -o ro,lowerdir="$1" "$2"; cd "$2""#;
    list(script, &[&dirs.join(":"), merged.path().to_str().unwrap()])
}

#[test]
fn a_pulled_image_is_what_umoci_makes_of_it() {
    needs_registry!();
    let layout = Layout::build(&WORLD);
    let registry = Registry::start(false);
    registry.push(&layout.path(), "latest", "lab/world:1");
    registry.push_as(&layout.path(), "latest", "lab/world:docker", &["--format", "v2s2"]);
    let expected = list("cd \"$1\"", &[layout.unpacked_by_umoci().to_str().unwrap()]);
    assert!(expected.len() > 35, "{expected:#?}");
    for tag in ["1", "docker"] {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let name = reference(&registry, &format!("lab/world:{tag}"));
        let (resolved, report, record) = take_in(&store, &client(Settings::default()), &name).unwrap();
        assert_eq!(report.blobs.len(), 5);
        let promised = resolved.layers.iter().map(|layer| layer.size_bytes).sum::<u64>() + resolved.config.size_bytes;
        assert_eq!(report.wire_bytes, promised);
        assert_eq!(record.provenance, Provenance::Registry { host: registry.host.clone() });
        let found = merged(&record, &store);
        for (name, line) in &expected {
            assert_eq!(found.get(name), Some(line), "{tag}: {name}");
        }
        let extra: Vec<_> = found.keys().filter(|name| !expected.contains_key(*name)).collect();
        assert!(extra.is_empty(), "{tag}: {extra:?}");
        let (_, again, _) = take_in(&store, &client(Settings::default()), &name).unwrap();
        assert!(again.blobs.iter().all(|blob| blob.outcome == Outcome::AlreadyHere));
    }
}

const SMALL: Recipe<'_> = Recipe { layers: &["head -c 3000000 /dev/urandom > data", "echo x > y"], config: &[] };

#[test]
fn a_login_opens_a_closed_registry_and_its_absence_is_told() {
    needs_registry!();
    let layout = Layout::build(&Recipe { layers: &["echo x > y"], config: &[] });
    let registry = Registry::start(true);
    registry.push(&layout.path(), "latest", "lab/small:1");
    let name = reference(&registry, "lab/small:1");
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let error = take_in(&store, &client(Settings::default()), &name).unwrap_err();
    assert!(matches!(error, Error::Registry(registry::Error::Unauthorized { sent: false, .. })), "{error}");
    assert!(!error.is_unreachable());
    let logins = Logins::read(&registry.docker_config().join("config.json")).unwrap();
    let client = client(Settings { logins, ..Settings::default() });
    let (resolved, report, _) = take_in(&store, &client, &name).unwrap();
    let told = format!("{:?} {:?} {client:?}", resolved.exchanges, report.exchanges);
    assert!(told.contains("/v2/lab/small/blobs/") && !told.contains(fixture::PASSWORD), "{told}");
    let missing = reference(&registry, "lab/small:2");
    let error = take_in(&store, &client, &missing).unwrap_err();
    assert!(matches!(error, Error::Registry(registry::Error::NotFound { .. })), "{error}");
}

#[test]
fn a_registry_with_its_own_authority_is_believed_only_with_its_certificate() {
    needs_registry!();
    let layout = Layout::build(&Recipe { layers: &["echo x > y"], config: &[] });
    let registry = Registry::start_tls();
    registry.push(&layout.path(), "latest", "lab/small:1");
    let name = reference(&registry, "lab/small:1");
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let error = take_in(&store, &client(Settings::default()), &name).unwrap_err();
    assert!(!error.is_unreachable(), "{error}");
    let cacert = Some(registry.authority());
    let (resolved, ..) = take_in(&store, &client(Settings { cacert, ..Settings::default() }), &name).unwrap();
    assert!(resolved.source.base.starts_with("https://"));
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_a_blob_is_taken_up_again() {
    let bytes = "0123456789".repeat(10);
    let broken = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_owned() + &bytes[..40];
    let rest = scripted::answer("206 x", "Content-Range: bytes 40-99/100\r\n", &bytes[40..]);
    let ignorant = scripted::ok(&bytes);
    for second in [rest, ignorant] {
        let (address, server) = scripted::serve(vec![broken.clone(), second]);
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        let descriptor = descriptor("x", bytes.as_bytes());
        let stop = std::sync::atomic::AtomicBool::new(false);
        let source = scripted::source(&address);
        let client = client(Settings::default());
        super::download::blob(&store.lease().unwrap(), &client, &source, &descriptor, &Silent, &stop).unwrap();
        assert_eq!(store.read_blob(&descriptor.digest).unwrap(), bytes.as_bytes());
        let requests = server.join().unwrap();
        assert!(!requests[0].to_lowercase().contains("range:"), "{}", requests[0]);
        assert!(requests[1].to_lowercase().contains("range: bytes=40-"), "{}", requests[1]);
    }
}

#[test]
fn a_blob_without_end_is_cut_off_at_the_promised_size() {
    let (address, _server) = scripted::serve(vec![scripted::ok(&"x".repeat(5000))]);
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let digest = super::digest::Digest::sha256(b"x");
    let (media_type, size_bytes) = ("x".to_owned(), 1);
    let descriptor = Descriptor { media_type, digest: digest.clone(), size_bytes, platform: None, annotations: None };
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (source, client) = (scripted::source(&address), client(Settings::default()));
    let error =
        super::download::blob(&store.lease().unwrap(), &client, &source, &descriptor, &Silent, &stop).unwrap_err();
    assert!(matches!(error, Error::Registry(registry::Error::SizeMismatch { .. })), "{error}");
    assert!(!store.ingest_path(&digest).exists(), "an empty file is good for nothing");
}

#[test]
fn a_download_cut_short_goes_on_where_it_ended() {
    needs_registry!();
    let layout = Layout::build(&SMALL);
    let registry = Registry::start(false);
    registry.push(&layout.path(), "latest", "lab/small:1");
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let client = client(Settings::default());
    let resolved = resolve(&client, &reference(&registry, "lab/small:1"), &Platform::host()).unwrap();
    let layer = &resolved.layers[0];
    let whole = std::fs::read(registry.blob_path(layer.digest.hex())).unwrap();
    std::fs::write(store.ingest_path(&layer.digest), &whole[..1_000_000]).unwrap();
    let report = pull(&store.lease().unwrap(), &client, &resolved, &Silent).unwrap();
    let Outcome::Fetched { wire_bytes, resumed_from, .. } = report.blobs[1].outcome else { panic!("{report:?}") };
    assert_eq!((resumed_from, wire_bytes), (1_000_000, layer.size_bytes - 1_000_000));
    assert!(report.exchanges.iter().any(|one| one.status == Some(206)));
    // What an earlier attempt left may be wrong: then all of it is fetched again.
    std::fs::remove_file(store.blob_path(&layer.digest)).unwrap();
    std::fs::write(store.ingest_path(&layer.digest), vec![0; 1_000_000]).unwrap();
    let report = pull(&store.lease().unwrap(), &client, &resolved, &Silent).unwrap();
    assert!(matches!(report.blobs[1].outcome, Outcome::Fetched { resumed_from: 0, .. }));
    verify(&store.lease().unwrap(), &resolved).unwrap();
}

#[test]
fn bytes_changed_at_the_registry_or_on_disk_are_found() {
    needs_registry!();
    let layout = Layout::build(&SMALL);
    let registry = Registry::start(false);
    registry.push(&layout.path(), "latest", "lab/small:1");
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let client = client(Settings::default());
    let resolved = resolve(&client, &reference(&registry, "lab/small:1"), &Platform::host()).unwrap();
    let lease = store.lease().unwrap();
    let layer = &resolved.layers[0].digest;
    let path = registry.blob_path(layer.hex());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = pull(&lease, &client, &resolved, &Silent).unwrap_err();
    assert!(matches!(error, Error::Registry(registry::Error::DigestMismatch { .. })), "{error}");
    assert!(store.blob_size(layer).is_none());
    bytes[5000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    pull(&lease, &client, &resolved, &Silent).unwrap();
    let chain = verify(&lease, &resolved).unwrap().checks;
    assert!(chain.len() == 4 && chain.iter().all(|link| link.promised == link.found), "{chain:?}");
    bytes[7000] ^= 1;
    std::fs::write(store.blob_path(layer), &bytes).unwrap();
    assert!(verify(&lease, &resolved).is_err());
    pull(&lease, &client, &resolved, &Silent).unwrap();
    verify(&lease, &resolved).unwrap();
}

/// Counts what is told, and which blobs were fetched here.
#[derive(Default)]
struct Listener {
    fetched: Mutex<Vec<Outcome>>,
    unpacked: Mutex<Vec<bool>>,
}

impl Progress for Listener {
    fn fetched(&self, blob: &super::pull::BlobReport) {
        self.fetched.lock().unwrap().push(blob.outcome);
    }
    fn at(&self, blob: &Descriptor, have_bytes: u64) {
        assert!(have_bytes <= blob.size_bytes);
    }
    fn unpacked(&self, layer: &LayerReport) {
        self.unpacked.lock().unwrap().push(layer.reused);
    }
}

#[test]
fn two_pulls_at_once_fetch_and_unpack_everything_once() {
    needs_registry!();
    let layout = Layout::build(&SMALL);
    let registry = Registry::start(false);
    registry.push(&layout.path(), "latest", "lab/small:1");
    let root = tempfile::tempdir().unwrap();
    let name = reference(&registry, "lab/small:1");
    let listener = Listener::default();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let store = Store::open(root.path()).unwrap();
                let client = client(Settings::default());
                let resolved = resolve(&client, &name, &Platform::host()).unwrap();
                let lease = store.lease().unwrap();
                pull(&lease, &client, &resolved, &listener).unwrap();
                let record = verify(&lease, &resolved).unwrap().record;
                layers::unpack(&lease, &record, Limits::default(), &listener).unwrap();
                lease.tag(&record).unwrap();
            });
        }
    });
    let fetched = listener.fetched.into_inner().unwrap();
    assert_eq!(fetched.len(), 9);
    assert_eq!(fetched.iter().filter(|one| **one != Outcome::AlreadyHere).count(), 3, "{fetched:?}");
    assert_eq!(listener.unpacked.into_inner().unwrap().iter().filter(|reused| !**reused).count(), 2);
    assert_eq!(Store::open(root.path()).unwrap().images().unwrap().len(), 1);
}

#[test]
fn mirrors_are_asked_first_and_passed_over_when_they_fail() {
    needs_registry!();
    let layout = Layout::build(&Recipe { layers: &["echo x > y"], config: &[] });
    let registry = Registry::start(false);
    registry.push(&layout.path(), "latest", "library/small:1");
    let mirrors = BTreeMap::from([("docker.io".into(), vec!["http://127.0.0.1:1".into(), registry.host.clone()])]);
    let client = client(Settings { hosts: Hosts { mirrors, insecure: Vec::new() }, ..Settings::default() });
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let (resolved, _, record) = take_in(&store, &client, &"small:1".parse().unwrap()).unwrap();
    assert_eq!(resolved.passed_over[0].0, "127.0.0.1:1");
    let expected = Provenance::Mirror { host: registry.host.clone(), upstream: "docker.io".into() };
    assert_eq!(record.provenance, expected);
    assert_eq!(store.find("small:1").unwrap().reference.familiar(), "small:1");
}

#[test]
fn an_index_offers_the_image_for_the_machine_asked_for() {
    needs_registry!();
    let layout = Layout::build(&Recipe { layers: &["echo x > y"], config: &[] });
    let registry = Registry::start(false);
    registry.push(&layout.path(), "latest", "lab/small:1");
    let raw = |name: &str| {
        fixture::run(
            Command::new("curl")
                .args(["-sf", "-H", "Accept: application/vnd.oci.image.manifest.v1+json"])
                .arg(format!("http://{}/v2/lab/small/manifests/{name}", registry.host)),
        )
    };
    let manifest = raw("1");
    let digest = super::digest::Digest::sha256(manifest.as_bytes());
    let host = Platform::host();
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
            {{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":{0},"digest":"{digest}","platform":{{"os":"unknown","architecture":"unknown"}}}},
            {{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":{0},"digest":"{digest}","platform":{{"os":"linux","architecture":"{1}"}}}}]}}"#,
        manifest.len(),
        host.architecture
    );
    let url = format!("http://{}/v2/lab/small/manifests/all", registry.host);
    let header = "Content-Type: application/vnd.oci.image.index.v1+json";
    fixture::run(Command::new("curl").args(["-sf", "-X", "PUT", "-H", header, "--data-binary", &index, &url]));
    let client = client(Settings::default());
    let name = reference(&registry, "lab/small:all");
    let resolved = resolve(&client, &name, &host).unwrap();
    assert_eq!((resolved.manifest.descriptor.digest.clone(), resolved.offered), (digest, 1));
    let target = resolved.index.unwrap().descriptor.digest;
    assert_eq!(target, super::digest::Digest::sha256(index.as_bytes()));
    let error = resolve(&client, &name, &"linux/s390x".parse().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Registry(registry::Error::NoPlatform { .. })), "{error}");
    let pinned: Reference = format!("{}@{target}", name.name()).parse().unwrap();
    assert_eq!(resolve(&client, &pinned, &host).unwrap().manifest, resolved.manifest);
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    let digest = super::digest::Digest::sha256(bytes);
    let size_bytes = bytes.len() as u64;
    Descriptor { media_type: media_type.into(), digest, size_bytes, platform: None, annotations: None }
}

#[test]
fn a_blob_that_another_process_finishes_is_not_fetched_again() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let wanted = descriptor("x", b"bytes");
    let path = store.ingest_path(&wanted.digest);
    let other = std::fs::File::create(&path).unwrap();
    crate::sys::flock::lock(&other, crate::sys::flock::Mode::Exclusive).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (source, client) = (scripted::source("http://127.0.0.1:1"), client(Settings::default()));
    let waits = Waits::default();
    std::thread::scope(|scope| {
        let fetch = || super::download::blob(&store.lease().unwrap(), &client, &source, &wanted, &waits, &stop);
        let fetching = scope.spawn(fetch);
        waits.0.wait();
        std::fs::write(&path, b"bytes").unwrap();
        std::fs::rename(&path, store.blob_path(&wanted.digest)).unwrap();
        // A third one begins under the same name: the lock waited for is now on another file than the name.
        std::fs::write(&path, b"").unwrap();
        drop(other);
        assert_eq!(fetching.join().unwrap().unwrap().outcome, Outcome::AlreadyHere);
    });
    assert_eq!(store.read_blob(&wanted.digest).unwrap(), b"bytes");
}

/// Lets a test go on when a download waits for another.
struct Waits(std::sync::Barrier);

impl Default for Waits {
    fn default() -> Self {
        Self(std::sync::Barrier::new(2))
    }
}

impl Progress for Waits {
    fn waiting(&self, _: &Descriptor) {
        self.0.wait();
    }
}

const EMPTY_INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

#[test]
fn a_manifest_must_be_what_it_was_asked_by() {
    let other = super::digest::Digest::sha256(b"other");
    let wrong = scripted::answer("200 OK", &format!("Docker-Content-Digest: {other}\r\n"), EMPTY_INDEX);
    let unlabelled = scripted::ok(EMPTY_INDEX);
    for (asked, answer) in [("lab/a:1".to_owned(), wrong), (format!("lab/a@{other}"), unlabelled)] {
        let (address, _server) = scripted::serve(vec![scripted::ok(""), answer]);
        let name = format!("{}/{asked}", address.trim_start_matches("http://")).parse().unwrap();
        let error = resolve(&client(Settings::default()), &name, &Platform::host()).unwrap_err();
        assert!(matches!(error, Error::Registry(registry::Error::DigestMismatch { .. })), "{asked}: {error}");
    }
}

/// An image whose parts are in the store, however little they fit together.
fn resolved(store: &Store, config: &str, layers: Vec<Descriptor>) -> Resolved {
    let lease = store.lease().unwrap();
    lease.put_blob(config.as_bytes()).unwrap();
    lease.put_blob(b"manifest").unwrap();
    Resolved {
        reference: "lab/a:1".parse().unwrap(),
        source: scripted::source("http://127.0.0.1:1"),
        index: None,
        offered: 0,
        manifest: super::resolve::Fetched { descriptor: descriptor("m", b"manifest"), bytes: b"manifest".to_vec() },
        config: descriptor("c", config.as_bytes()),
        layers,
        platform: Platform::host(),
        passed_over: Vec::new(),
        exchanges: Vec::new(),
    }
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let lease = store.lease().unwrap();
    lease.put_blob(b"layer").unwrap();
    let layer = || vec![descriptor("application/vnd.oci.image.layer.v1.tar", b"layer")];
    let diff_ids = format!(r#""rootfs":{{"diff_ids":["{}"]}}"#, super::digest::Digest::sha256(b"layer"));
    let check = |config: &str, layers| verify(&lease, &resolved(&store, config, layers));
    assert!(check(&format!("{{{diff_ids}}}"), layer()).is_ok());
    assert!(matches!(check("{}", layer()), Err(Error::LayerCount { layers: 1, diff_ids: 0 })));
    let foreign = format!(r#"{{"os":"linux","architecture":"s390x",{diff_ids}}}"#);
    assert!(matches!(check(&foreign, layer()), Err(Error::WrongPlatform { .. })));
    let unknown = vec![descriptor("application/vnd.example", b"layer")];
    assert!(matches!(check(&format!("{{{diff_ids}}}"), unknown), Err(Error::UnknownLayer { .. })));
}

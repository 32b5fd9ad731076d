//! A real registry on loopback: Debian's docker-registry on a free port, filled by skopeo, killed when dropped.
//!
//! Kept free of rlab's own code, so that the unit tests beside the client and the tests that drive the binary share it.
#![allow(dead_code, reason = "each of the two uses its own part")]
#![allow(clippy::disallowed_macros, reason = "a test that is skipped says so aloud")]

pub mod cases;
pub mod good;
pub mod port;
pub mod server;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The login of the registry behind basic auth.
pub const USER: &str = "student";
/// Its password.
pub const PASSWORD: &str = "not-a-secret";

/// Makes an authority and a certificate for loopback.
const CERTIFICATES: &str = "
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab -keyout ca.key -out ca.pem
    openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout host.key -out host.csr
    printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > extensions
    openssl x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out host.pem
";

/// A running registry.
pub struct Registry {
    process: Child,
    /// Host and port.
    pub host: String,
    directory: TempDir,
    auth: bool,
}

/// Says why a test cannot run, and whether it must not be skipped.
pub fn missing(programs: &[&str]) -> bool {
    let is_there = |program: &&&str| {
        let found = Command::new("sh").args(["-c", "command -v \"$1\"", "sh", program]).stdout(Stdio::null()).status();
        !found.is_ok_and(|status| status.success())
    };
    let absent: Vec<&&str> = programs.iter().filter(is_there).collect();
    if absent.is_empty() {
        return false;
    }
    crate::skip::aloud(format!("not installed: {absent:?}"));
    true
}

impl Registry {
    /// Starts one, open or behind basic auth.
    pub fn start(auth: bool) -> Self {
        Self::start_with(auth, false)
    }

    /// Starts one that speaks TLS, with an authority of its own.
    pub fn start_tls() -> Self {
        Self::start_with(false, true)
    }

    fn start_with(auth: bool, tls: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let host = format!("127.0.0.1:{}", port::free_port());
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{host}\"}}\n",
            directory.path().join("data").display()
        );
        if auth {
            let users = directory.path().join("users");
            run(Command::new("htpasswd").args(["-cbB"]).arg(&users).args([USER, PASSWORD]));
            config += &format!("auth: {{htpasswd: {{realm: lab, path: {}}}}}\n", users.display());
        }
        if tls {
            let folder = directory.path().display();
            run(Command::new("sh").args(["-ec", CERTIFICATES]).current_dir(directory.path()));
            config = config.trim_end_matches("}\n").to_owned();
            config += &format!(", tls: {{certificate: {folder}/host.pem, key: {folder}/host.key}}}}\n");
        }
        let path = directory.path().join("config.yml");
        fs::write(&path, config).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut registry = Self { process, host, directory, auth };
        registry.wait_until_it_answers();
        registry
    }

    fn wait_until_it_answers(&mut self) {
        let address: SocketAddr = self.host.parse().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !answers(address) {
            let ended = self.process.try_wait().unwrap();
            assert_eq!(ended, None, "docker-registry at {address} has ended");
            assert!(Instant::now() < deadline, "docker-registry does not answer at {address}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The certificate of the authority that signed the host's.
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// Copies an image out of an OCI layout into the registry.
    pub fn push(&self, layout: &Path, tag: &str, repository: &str) {
        self.push_as(layout, tag, repository, &[]);
    }

    /// The same with further flags for skopeo, `--format v2s2` for Docker's manifests.
    pub fn push_as(&self, layout: &Path, tag: &str, repository: &str, flags: &[&str]) {
        let mut skopeo = Command::new("skopeo");
        skopeo.args(["copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false"]).args(flags);
        if self.auth {
            skopeo.args(["--dest-creds", &format!("{USER}:{PASSWORD}")]);
        }
        skopeo.arg(format!("oci:{}:{tag}", layout.display())).arg(format!("docker://{}/{repository}", self.host));
        run(&mut skopeo);
    }

    /// Where a blob lies, for tests that damage it.
    pub fn blob_path(&self, hex: &str) -> PathBuf {
        let blobs = self.directory.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    /// A folder with a config.json for DOCKER_CONFIG that knows the login.
    pub fn docker_config(&self) -> PathBuf {
        let folder = self.directory.path().join("docker");
        fs::create_dir_all(&folder).unwrap();
        let config = format!(r#"{{"auths":{{"{}":{{"username":"{USER}","password":"{PASSWORD}"}}}}}}"#, self.host);
        fs::write(folder.join("config.json"), config).unwrap();
        folder
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether somebody there speaks HTTP. One who wants TLS first says so in HTTP, too.
fn answers(address: SocketAddr) -> bool {
    let asked = TcpStream::connect_timeout(&address, Duration::from_millis(200)).and_then(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_millis(500)))?;
        stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(&answer == b"HTTP/")
    });
    asked.unwrap_or(false)
}

/// Runs a program that must succeed.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// An OCI layout with one image made on the spot.
pub struct Layout {
    directory: TempDir,
}

/// What [`Layout::build`] puts into an image: shell commands run in the root of each layer, lowest first.
pub struct Recipe<'a> {
    /// One script a layer.
    pub layers: &'a [&'a str],
    /// Flags of `umoci config`.
    pub config: &'a [&'a str],
}

impl Layout {
    /// Builds `image:latest` layer by layer with umoci, which needs root for owners and devices.
    pub fn build(recipe: &Recipe<'_>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let layout = directory.path().join("layout");
        let image = format!("{}:latest", layout.display());
        run(Command::new("umoci").arg("init").arg("--layout").arg(&layout));
        run(Command::new("umoci").args(["new", "--image", &image]));
        for (number, script) in recipe.layers.iter().enumerate() {
            let bundle = directory.path().join(format!("bundle-{number}"));
            run(Command::new("umoci").args(["unpack", "--image", &image]).arg(&bundle));
            run(Command::new("sh").args(["-ec", script]).current_dir(bundle.join("rootfs")));
            run(Command::new("umoci").args(["repack", "--image", &image]).arg(&bundle));
        }
        run(Command::new("umoci").args(["config", "--image", &image]).args(recipe.config));
        Self { directory }
    }

    /// Where the layout is.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("layout")
    }

    /// Unpacks the image with umoci and returns its root filesystem.
    pub fn unpacked_by_umoci(&self) -> PathBuf {
        let bundle = self.directory.path().join("reference");
        run(Command::new("umoci")
            .args(["unpack", "--image", &format!("{}:latest", self.path().display())])
            .arg(&bundle));
        bundle.join("rootfs")
    }
}

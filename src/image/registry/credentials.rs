//! Logins, from where Docker keeps them: its config file and its credential helpers.
//!
//! rlab has no login command of its own and stores no password: who can `docker pull` can `rlab pull`.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::error::Error;

/// Docker's own key for its hub, kept since the first version of the registry protocol.
const HUB_KEY: &str = "https://index.docker.io/v1/";
const HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// A login.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// User and password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that buys other tokens.
    Identity(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is printed ends up in bug reports.
        f.write_str(match self {
            Self::Password { .. } => "Login::Password(hidden)",
            Self::Identity(_) => "Login::Identity(hidden)",
        })
    }
}

/// What Docker's config file says about logins.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Logins {
    auths: BTreeMap<String, Auth>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// What a helper prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logins for {:?}", self.auths.keys())
    }
}

impl Logins {
    /// Where Docker keeps its config: `$DOCKER_CONFIG`, else `~/.docker`.
    pub fn default_path() -> Option<PathBuf> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let directory = set("DOCKER_CONFIG").or_else(|| set("HOME").map(|home| home.join(".docker")))?;
        Some(directory.join("config.json"))
    }

    /// Reads a config file; one that is not there holds no logins.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let problem = |problem: String| Error::DockerConfig { path: path.display().to_string(), problem };
        match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| problem(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(problem(error.to_string())),
        }
    }

    /// The login for a registry, if there is one.
    pub fn find(&self, host: &str) -> Result<Option<Login>, Error> {
        let is_hub = HUB_HOSTS.contains(&host);
        let matches = |key: &str| {
            let bare = key.trim_start_matches("https://").trim_start_matches("http://");
            let bare = bare.split('/').next().unwrap_or(bare);
            bare == host || is_hub && HUB_HOSTS.contains(&bare)
        };
        let asked = if is_hub { HUB_KEY } else { host };
        let own_helper = self.cred_helpers.iter().find(|(key, _)| matches(key)).map(|(_, helper)| helper);
        if let Some(helper) = own_helper.or(self.creds_store.as_ref()).filter(|helper| !helper.is_empty())
            && let Some(login) = ask_helper(helper, asked)?
        {
            return Ok(Some(login));
        }
        Ok(self.auths.iter().filter(|(key, _)| matches(key)).find_map(|(_, auth)| auth.login()))
    }
}

impl Auth {
    fn login(&self) -> Option<Login> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.identitytoken) {
            return Some(Login::Identity(token));
        }
        if let (Some(user), Some(password)) = (given(&self.username), given(&self.password)) {
            return Some(Login::Password { user, password });
        }
        let decoded = String::from_utf8(STANDARD.decode(self.auth.as_ref()?.trim()).ok()?).ok()?;
        let (user, password) = decoded.trim_end_matches('\0').split_once(':')?;
        Some(Login::Password { user: user.to_owned(), password: password.to_owned() })
    }
}

fn ask_helper(helper: &str, server: &str) -> Result<Option<Login>, Error> {
    let failed = |problem: String| Error::CredentialHelper { helper: helper.to_owned(), problem };
    if helper.contains('/') {
        // A config file names helpers, it does not choose where programs come from.
        return Err(failed("its name has a slash".to_owned()));
    }
    let mut child = Command::new(format!("docker-credential-{helper}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that ends without reading has said what it has to say on its output.
        let _ = writeln!(stdin, "{server}");
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        // The protocol has no code for "nothing stored", only this sentence.
        return if said.contains("credentials not found") { Ok(None) } else { Err(failed(said)) };
    }
    let helped: Helped =
        serde_json::from_slice(&output.stdout).map_err(|_| failed("it printed no login".to_owned()))?;
    Ok(match (helped.username.as_str(), helped.secret.as_str()) {
        (_, "") => None,
        ("<token>", secret) => Some(Login::Identity(secret.to_owned())),
        (user, secret) => Some(Login::Password { user: user.to_owned(), password: secret.to_owned() }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn logins(text: &str) -> Logins {
        serde_json::from_str(text).unwrap()
    }

    fn password(user: &str, password: &str) -> Option<Login> {
        Some(Login::Password { user: user.into(), password: password.into() })
    }

    #[test]
    fn all_spellings_of_a_stored_login_are_read() {
        let all = logins(
            r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6YTpi"},
                "host:5000":{"username":"u","password":"p"},
                "https://other.example/v2/":{"identitytoken":"t"},
                "empty.example":{}}, "HttpHeaders":{}}"#,
        );
        assert_eq!(all.find("docker.io").unwrap(), password("me", "a:b"));
        assert_eq!(all.find("registry-1.docker.io").unwrap(), password("me", "a:b"));
        assert_eq!(all.find("host:5000").unwrap(), password("u", "p"));
        assert_eq!(all.find("other.example").unwrap(), Some(Login::Identity("t".into())));
        assert_eq!(all.find("empty.example").unwrap(), None);
        assert_eq!(all.find("host").unwrap(), None);
    }

    #[test]
    fn a_helper_is_named_not_located() {
        let all = logins(r#"{"credHelpers":{"host":"../../tmp/x"}}"#);
        assert!(matches!(all.find("host"), Err(Error::CredentialHelper { .. })));
        assert_eq!(all.find("another").unwrap(), None);
    }

    #[test]
    fn nothing_printed_shows_a_password() {
        let all = logins(r#"{"auths":{"h":{"auth":"bWU6c2VjcmV0"}}}"#);
        let shown = format!("{all:?} {:?}", all.find("h").unwrap());
        assert!(!shown.contains("secret") && !shown.contains("bWU6"), "{shown}");
    }

    #[test]
    fn a_missing_file_holds_no_logins_and_a_broken_one_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        assert_eq!(Logins::read(&path).unwrap().find("h").unwrap(), None);
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(Logins::read(&path), Err(Error::DockerConfig { .. })));
    }

    proptest! {
        #[test]
        fn foreign_files_never_panic_and_are_never_told(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(all) = serde_json::from_slice::<Logins>(&bytes) {
                let _ = all.find("h");
            }
        }

        #[test]
        fn a_stored_login_is_read_as_docker_wrote_it(user in "[^:\\x00]{1,20}", password in "[^\\x00]{0,20}", bare in any::<bool>()) {
            let auth = STANDARD.encode(format!("{user}:{password}"));
            let key = if bare { "h:5000" } else { "https://h:5000/v2/" };
            let all = logins(&serde_json::json!({"auths": {key: {"auth": auth}}}).to_string());
            let shown = format!("{all:?}");
            prop_assert!(!shown.contains(&auth));
            prop_assert_eq!(all.find("h:5000").unwrap(), Some(Login::Password { user, password }));
            prop_assert_eq!(all.find("h").unwrap(), None);
        }

        #[test]
        fn foreign_values_in_a_login_never_panic(auth in "\\PC{0,40}", token in proptest::option::of("\\PC{0,10}")) {
            let all = logins(&serde_json::json!({"auths": {"h": {"auth": auth, "identitytoken": token}}}).to_string());
            let _ = all.find("h").unwrap();
        }
    }
}

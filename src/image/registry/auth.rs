//! Gets past a registry's door.   Spec: distribution, token authentication.
//!
//! Most registries do not take the login themselves. They answer 401 and name a second server; it gives a short-lived
//! token for one repository, with a login for private ones and without for public ones. So a stolen token opens little,
//! and the password goes to one place only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::Source;
use super::challenge::{self, Challenge};
use super::credentials::{Login, Logins};
use super::endpoint::is_loopback;
use super::error::Error;
use super::persist::{persist, refused};
use super::transport::{Answer, Ask, Transport, authority};

/// What the specification gives a token that does not say how long it lives.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// A server may change its mind; an hour is the most that it is believed.
pub(super) const MAX_LIFE: Duration = Duration::from_secs(3600);
/// Servers take headers of 8 KiB, some of 16.
const MAX_TOKEN_LEN: usize = 16 << 10;
const MAX_TOKEN_BYTES: u64 = 1 << 20;

/// How each host wants to be asked, and the tokens at hand.
pub struct Door {
    logins: Logins,
    hosts: Mutex<HashMap<String, Host>>,
}

#[derive(Default)]
struct Host {
    challenge: Option<Challenge>,
    /// Value of Authorization and when it ends, by repository.
    tokens: HashMap<String, (String, Instant)>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Tokens are logins for as long as they live.
        write!(f, "Door({:?})", self.logins)
    }
}

impl Door {
    /// Knows no host yet.
    pub fn new(logins: Logins) -> Self {
        Self { logins, hosts: Mutex::default() }
    }

    /// Takes note of how a host wants to be asked.
    pub fn remember(&self, host: &str, answer: &Answer<'_>) {
        let values = answer.headers.get_all("www-authenticate").into_iter().filter_map(|value| value.to_str().ok());
        if let Some(challenge) = challenge::choose(values) {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            hosts.entry(host.to_owned()).or_default().challenge = Some(challenge);
        }
    }

    /// Whether a login for the host is stored.
    pub fn has_login(&self, host: &str) -> bool {
        self.logins.find(host).is_ok_and(|login| login.is_some())
    }

    /// The value of Authorization for a repository; `fresh` when the last one was not accepted.
    pub fn open(&self, transport: &Transport, source: &Source, fresh: bool) -> Result<Option<String>, Error> {
        // Held while a token is fetched: the three downloads of a pull need one token, not three.
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(host) = hosts.get_mut(&source.host) else {
            return Ok(None);
        };
        match host.challenge.clone() {
            None => Ok(None),
            Some(Challenge::Basic) => Ok(match self.logins.find(&source.host)? {
                Some(Login::Password { user, password }) => Some(basic(&user, &password)),
                Some(Login::Identity(_)) | None => None,
            }),
            Some(Challenge::Bearer { realm, service, scope }) => {
                let known = host.tokens.get(&source.repository).filter(|(_, end)| !fresh && *end > Instant::now());
                if let Some((value, _)) = known {
                    return Ok(Some(value.clone()));
                }
                let scope = scope.filter(|scope| scope.contains(&source.repository));
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", source.repository));
                let ask = self.token_request(transport, source, &realm, service.as_deref(), &scope)?;
                let (value, life) = buy(transport, source, &ask, self.has_login(&source.host))?;
                host.tokens.insert(source.repository.clone(), (value.clone(), Instant::now() + life));
                Ok(Some(value))
            }
        }
    }

    fn token_request(
        &self,
        transport: &Transport,
        source: &Source,
        realm: &str,
        service: Option<&str>,
        scope: &str,
    ) -> Result<Ask, Error> {
        let login = self.logins.find(&source.host)?;
        if !is_trusted(transport, source, realm) {
            return Err(Error::Realm { host: source.host.clone(), realm: realm.to_owned() });
        }
        let mut query: Vec<(&str, &str)> = service.map(|service| ("service", service)).into_iter().collect();
        query.push(("scope", scope));
        let note = format!("a token to read {}", source.repository);
        let mut ask = Ask { note: Some(note), ..Ask::get(realm.to_owned()) };
        if let Some(Login::Identity(token)) = &login {
            query.extend([("grant_type", "refresh_token"), ("client_id", "rlab"), ("refresh_token", token)]);
            (ask.method, ask.form) = ("POST", Some(encode(&query)));
            return Ok(ask);
        }
        if let Some(Login::Password { user, password }) = &login {
            ask.authorization = Some(basic(user, password));
        }
        ask.url = format!("{realm}{}{}", if realm.contains('?') { '&' } else { '?' }, encode(&query));
        Ok(ask)
    }
}

/// Whether a login may be sent there. The realm is the registry's word alone: a login must not follow it out of TLS, nor to
/// what listens on this machine, unless the registry itself is without TLS or on this machine.
fn is_trusted(transport: &Transport, source: &Source, realm: &str) -> bool {
    let Some(to) = authority(realm) else { return false };
    let from_here = is_loopback(&source.host);
    match realm.split_once("://") {
        _ if is_loopback(to) => from_here,
        Some(("https", _)) => true,
        Some(("http", _)) => source.base.starts_with("http://") && to == source.host || transport.is_plain_allowed(to),
        _ => false,
    }
}

fn buy(transport: &Transport, source: &Source, ask: &Ask, sent: bool) -> Result<(String, Duration), Error> {
    let broken = |problem| Error::Protocol { host: source.host.clone(), problem };
    let answer = persist(transport, ask, authority(&ask.url).unwrap_or(&source.host))?;
    match answer.status {
        200 => {}
        401 | 403 => {
            let (host, repository) = (source.host.clone(), source.repository.clone());
            return Err(Error::Unauthorized { host, repository, sent });
        }
        _ => return Err(refused(answer, &source.host, &ask.url)),
    }
    let bytes = answer.bytes(MAX_TOKEN_BYTES).ok().flatten().ok_or(broken("its token cannot be read"))?;
    let (token, life) = read_token(&bytes).map_err(broken)?;
    Ok((format!("Bearer {token}"), life))
}

/// The token and how long it is used, out of what a token server says.
pub(super) fn read_token(bytes: &[u8]) -> Result<(String, Duration), &'static str> {
    let token: Token = serde_json::from_slice(bytes).map_err(|_| "its token cannot be read")?;
    let value = token.token.or(token.access_token).filter(|value| !value.is_empty()).ok_or("it gave no token")?;
    if value.len() > MAX_TOKEN_LEN {
        return Err("its token is longer than any header may be");
    }
    // It goes into a header as it is: a line break in it would begin another header.
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its token has characters that no token has");
    }
    let life = token.expires_in.map_or(DEFAULT_LIFE, Duration::from_secs);
    // A little less, so that it does not end on the way.
    Ok((value, life.saturating_sub(Duration::from_secs(5)).min(MAX_LIFE)))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Names and values for a query or a form.
fn encode(pairs: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::registry::Patience;
    use proptest::prelude::*;

    #[test]
    fn queries_are_escaped() {
        assert_eq!(
            encode(&[("scope", "repository:a/b:pull"), ("x", "a b&c=ä")]),
            "scope=repository:a/b:pull&x=a%20b%26c%3D%C3%A4"
        );
    }

    #[test]
    fn a_login_does_not_follow_a_realm_out_of_tls() {
        let logins = serde_json::from_str(r#"{"auths":{"r.example":{"auth":"dTpw"}}}"#).unwrap();
        let door = Door::new(logins);
        let source = Source {
            base: "https://r.example".into(),
            host: "r.example".into(),
            repository: "a/b".into(),
            mirror_of: None,
        };
        let transport = Transport::new(Patience::default(), None, vec!["plain.example".into()]).unwrap();
        let ask = |realm: &str| door.token_request(&transport, &source, realm, Some("s"), "repository:a/b:pull");
        for bad in [
            "http://elsewhere.example/token",
            "http://r.example/token",
            "http://127.0.0.1/token",
            "https://localhost:5000/token",
            "http://127.0.0.1:80@elsewhere.example/token",
            "https://user@elsewhere.example/token",
            "ftp://r.example/token",
            "file:///etc/passwd",
            "/token",
            "https://",
            "",
        ] {
            assert!(matches!(ask(bad), Err(Error::Realm { .. })), "{bad}");
        }
        assert!(ask("http://plain.example/token").is_ok(), "the user said that this host may go without TLS");
        let fine = ask("https://elsewhere.example/token?x=1").unwrap();
        assert_eq!(fine.url, "https://elsewhere.example/token?x=1&service=s&scope=repository:a/b:pull");
        assert_eq!(fine.authorization.as_deref(), Some("Basic dTpw"));
    }

    proptest! {
        #[test]
        fn foreign_tokens_are_headers_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Ok((token, _)) = read_token(&bytes) {
                prop_assert!(token.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }

        #[test]
        fn a_token_is_taken_whole_or_not_at_all(token in "\\PC{0,40}|[!-~]{1,40}", life in proptest::option::of(any::<u64>())) {
            let text = serde_json::json!({"token": token, "expires_in": life}).to_string();
            let is_header = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
            match read_token(text.as_bytes()) {
                Ok((value, life)) => prop_assert!(is_header && value == token && life <= MAX_LIFE),
                Err(_) => prop_assert!(!is_header),
            }
        }

        #[test]
        fn queries_hold_nothing_that_ends_them(name in "[a-z]{1,5}", value in "\\PC{0,40}") {
            let query = encode(&[(&name, &value)]);
            prop_assert!(query.bytes().all(|byte| byte.is_ascii_graphic() && !b"&#?\"<>".contains(&byte)), "{}", query);
        }
    }
}

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
use super::transport::{Answer, Ask, Transport, authority};

/// What the specification gives a token that does not say how long it lives.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
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
                let ask = self.token_request(source, &realm, service.as_deref(), &scope)?;
                let (value, life) = buy(transport, source, &ask, self.has_login(&source.host))?;
                host.tokens.insert(source.repository.clone(), (value.clone(), Instant::now() + life));
                Ok(Some(value))
            }
        }
    }

    fn token_request(&self, source: &Source, realm: &str, service: Option<&str>, scope: &str) -> Result<Ask, Error> {
        let login = self.logins.find(&source.host)?;
        // The realm is the registry's word alone: a login must not follow it out of TLS, nor off this machine.
        let same_host = authority(realm) == Some(source.host.as_str());
        let is_safe = realm.starts_with("https://") || same_host || authority(realm).is_some_and(is_loopback);
        if !is_safe {
            let problem = "it sends logins over an open connection";
            return Err(Error::Protocol { host: source.host.clone(), problem });
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

fn buy(transport: &Transport, source: &Source, ask: &Ask, sent: bool) -> Result<(String, Duration), Error> {
    let broken = |problem| Error::Protocol { host: source.host.clone(), problem };
    let answer = transport.send(ask).map_err(|wire| wire.at(authority(&ask.url).unwrap_or(&source.host)))?;
    match answer.status {
        200 => {}
        401 | 403 => {
            let (host, repository) = (source.host.clone(), source.repository.clone());
            return Err(Error::Unauthorized { host, repository, sent });
        }
        _ => return Err(super::refused(answer, &source.host, &ask.url)),
    }
    let bytes = answer.bytes(MAX_TOKEN_BYTES).ok().flatten().ok_or(broken("its token cannot be read"))?;
    let token: Token = serde_json::from_slice(&bytes).map_err(|_| broken("its token cannot be read"))?;
    let value = token.token.or(token.access_token).filter(|value| !value.is_empty());
    let life = token.expires_in.map_or(DEFAULT_LIFE, Duration::from_secs);
    // A little less, so that it does not end on the way.
    let life = life.saturating_sub(Duration::from_secs(5)).min(Duration::from_secs(3600));
    Ok((format!("Bearer {}", value.ok_or(broken("it gave no token"))?), life))
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
        let ask = |realm: &str| door.token_request(&source, realm, Some("s"), "repository:a/b:pull");
        assert!(ask("http://elsewhere.example/token").is_err());
        let fine = ask("https://elsewhere.example/token?x=1").unwrap();
        assert_eq!(fine.url, "https://elsewhere.example/token?x=1&service=s&scope=repository:a/b:pull");
        assert_eq!(fine.authorization.as_deref(), Some("Basic dTpw"));
    }
}

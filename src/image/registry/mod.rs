//! Talks to registries.   Spec: OCI distribution.
//!
//! [`endpoint`] says which hosts may hold an image, [`transport`] sends requests, [`auth`] gets past the door with a
//! token ([`challenge`]) bought by a login ([`credentials`]). Everything blocks and nothing here starts a thread.

mod auth;
mod challenge;
mod credentials;
mod endpoint;
mod error;
mod lookup;
mod roots;
mod transport;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

pub use credentials::Logins;
pub use endpoint::{Endpoint, Hosts};
pub use error::Error;
pub use transport::{Answer, Exchange};

use auth::Door;
use transport::{Ask, Transport};
use wire::Wire;

/// What a client is told from above.
#[derive(Debug)]
pub struct Settings {
    /// Mirrors and insecure hosts.
    pub hosts: Hosts,
    /// How long the name lookup and the connection may take, each.
    pub reach_timeout: Duration,
    /// An extra authority to trust.
    pub cacert: Option<PathBuf>,
    /// Stored logins.
    pub logins: Logins,
}

impl Default for Settings {
    fn default() -> Self {
        let reach_timeout = Duration::from_secs(3);
        Self { hosts: Hosts::default(), reach_timeout, cacert: None, logins: Logins::default() }
    }
}

/// Attempts at a request that fails for reasons that pass.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(300);
/// The longest a server may make us wait.
const MAX_PATIENCE: Duration = Duration::from_secs(20);
const MAX_ERROR_BYTES: u64 = 64 << 10;

/// A client for any number of registries; shared by the threads of one pull.
#[derive(Debug)]
pub struct Client {
    hosts: Hosts,
    transport: Transport,
    door: Door,
}

/// A repository at a host that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Scheme, host and port.
    pub base: String,
    /// Host and port.
    pub host: String,
    /// The repository.
    pub repository: String,
    /// The registry this host stands in for.
    pub mirror_of: Option<String>,
}

/// A document with what the registry says about it.
#[derive(Debug)]
pub struct Body {
    /// Byte for byte.
    pub bytes: Vec<u8>,
    /// Content-Type.
    pub media_type: Option<String>,
    /// Docker-Content-Digest.
    pub digest: Option<String>,
}

impl Client {
    /// Opens nothing yet.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let insecure = settings.hosts.insecure.clone();
        let transport = Transport::new(settings.reach_timeout, settings.cacert.as_deref(), insecure)?;
        Ok(Self { hosts: settings.hosts, transport, door: Door::new(settings.logins) })
    }

    /// Mirrors and insecure hosts.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Everything asked since the last time, for the trace.
    pub fn take_exchanges(&self) -> Vec<Exchange> {
        self.transport.take_log()
    }

    /// Knocks at a host: finds the scheme it speaks and how it wants to be asked.
    pub fn connect(&self, endpoint: &Endpoint, repository: &str) -> Result<Source, Error> {
        let host = &endpoint.authority;
        let mut failure = None;
        for scheme in &endpoint.schemes {
            let base = format!("{scheme}://{host}");
            match self.knock(&base, host) {
                Ok(()) => {
                    return Ok(Source {
                        base,
                        host: host.clone(),
                        repository: repository.to_owned(),
                        mirror_of: endpoint.mirror_of.clone(),
                    });
                }
                // Nobody is there, for any scheme; unless somebody answered to the one before.
                Err(error @ Error::Unreachable { .. }) => return Err(failure.unwrap_or(error)),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or(Error::Protocol { host: host.clone(), problem: "no scheme to speak" }))
    }

    fn knock(&self, base: &str, host: &str) -> Result<(), Error> {
        let ask = Ask {
            knocks: true,
            note: Some("does it speak the registry protocol?".to_owned()),
            ..Ask::get(format!("{base}/v2/"))
        };
        let answer = self.persist(&ask, host)?;
        match answer.status {
            200 | 401 => {
                self.door.remember(host, &answer);
                answer.drain();
                Ok(())
            }
            // What Go's servers answer to plain HTTP at a TLS port; another scheme may do.
            400 | 404 => Err(Error::Protocol { host: host.to_owned(), problem: "it has no /v2/" }),
            _ => Err(refused(answer, host, &ask.url)),
        }
    }

    /// Asks for a path of a repository, opening the door as needed.
    pub fn get(&self, source: &Source, path: &str, headers: &[(&'static str, String)]) -> Result<Answer<'_>, Error> {
        let url = format!("{}/v2/{}/{path}", source.base, source.repository);
        let mut fresh = false;
        loop {
            let authorization = self.door.open(&self.transport, source, fresh)?;
            let ask = Ask { headers: headers.to_vec(), authorization, ..Ask::get(url.clone()) };
            let answer = self.persist(&ask, &source.host)?;
            match answer.status {
                200 | 206 | 416 => return Ok(answer),
                401 if !fresh => {
                    // A token has run out, or the host asks only here.
                    self.door.remember(&source.host, &answer);
                    answer.drain();
                    fresh = true;
                }
                _ => return Err(self.refusal(answer, source, path, &url)),
            }
        }
    }

    /// Asks for a document and reads it whole.
    pub fn get_document(
        &self,
        source: &Source,
        path: &str,
        headers: &[(&'static str, String)],
        limit_bytes: u64,
    ) -> Result<Body, Error> {
        let mut attempts = 0..ATTEMPTS;
        loop {
            let answer = self.get(source, path, headers)?;
            let text = |name: &str| answer.header(name).map(str::to_owned);
            let (media_type, digest) = (text("content-type"), text("docker-content-digest"));
            match answer.bytes(limit_bytes) {
                Ok(Some(bytes)) => return Ok(Body { bytes, media_type, digest }),
                Ok(None) => return Err(Error::TooLarge { what: path.to_owned(), limit_bytes }),
                Err(_) if attempts.next().is_some() => std::thread::sleep(FIRST_PAUSE),
                Err(error) => return Err(Error::Broken { host: source.host.clone(), problem: error.to_string() }),
            }
        }
    }

    fn refusal(&self, answer: Answer<'_>, source: &Source, path: &str, url: &str) -> Error {
        let (host, repository) = (source.host.clone(), source.repository.clone());
        match answer.status {
            401 => Error::Unauthorized { sent: self.door.has_login(&host), host, repository },
            403 => Error::Denied { host, repository, message: message(answer) },
            404 => {
                let what = match path.split_once('/') {
                    Some(("manifests", tag)) if !tag.contains(':') => format!("{repository}:{tag}"),
                    Some(("manifests", digest)) => format!("{repository}@{digest}"),
                    _ => format!("{path} of {repository}"),
                };
                Error::NotFound { what, host }
            }
            _ => refused(answer, &host, url),
        }
    }

    /// Sends, and sends again what failed for a reason that passes: a broken connection, a server out of breath.
    fn persist(&self, ask: &Ask, host: &str) -> Result<Answer<'_>, Error> {
        let mut pause = FIRST_PAUSE;
        for left in (0..ATTEMPTS).rev() {
            let outcome = self.transport.send(ask);
            let wait = match &outcome {
                Ok(answer) if matches!(answer.status, 429 | 500 | 502 | 503 | 504) => {
                    answer.retry_after().unwrap_or(pause)
                }
                Err(Wire::Broken(_)) => pause,
                _ => return outcome.map_err(|wire| wire.at(host)),
            };
            match outcome {
                Ok(answer) if left > 0 && wait <= MAX_PATIENCE => answer.drain(),
                Ok(answer) if answer.status == 429 => {
                    return Err(Error::RateLimited { host: host.to_owned(), after: wait });
                }
                Ok(answer) => return Err(refused(answer, host, &ask.url)),
                Err(wire) if left == 0 => return Err(wire.at(host)),
                Err(_) => {}
            }
            std::thread::sleep(wait);
            pause *= 2;
        }
        Err(Error::Protocol { host: host.to_owned(), problem: "it does not answer" })
    }
}

fn refused(answer: Answer<'_>, host: &str, url: &str) -> Error {
    let status = answer.status;
    Error::Refused { host: host.to_owned(), url: url.to_owned(), status, message: message(answer) }
}

/// The registry's own words, out of the JSON that the specification gives errors.
fn message(answer: Answer<'_>) -> String {
    let bytes = answer.bytes(MAX_ERROR_BYTES).ok().flatten().unwrap_or_default();
    let parsed: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let first = &parsed["errors"][0];
    let words = first["message"].as_str().or(first["code"].as_str()).or(parsed["details"].as_str());
    // One line, without what could move a terminal's cursor.
    words.unwrap_or("no reason given").chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
pub mod tests;

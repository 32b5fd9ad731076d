//! Talks to registries.   Spec: OCI distribution.
//!
//! [`endpoint`] says which hosts may hold an image, [`transport`] sends requests, [`auth`] gets past the door with a
//! token ([`challenge`]) bought by a login ([`credentials`]). Everything blocks and nothing here starts a thread.

mod auth;
mod challenge;
mod credentials;
mod endpoint;
mod error;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod headers;
mod lookup;
mod persist;
mod roots;
mod transport;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

pub use credentials::Logins;
pub use endpoint::{Endpoint, Hosts};
pub use error::{Error, Unreached};
pub use headers::{ContentRange, content_range};
pub use transport::{Answer, Exchange};

use auth::Door;
use persist::{ATTEMPTS, message, persist, refused};
use transport::{Ask, Transport};

/// What a client is told from above.
#[derive(Debug, Default)]
pub struct Settings {
    /// Mirrors and insecure hosts.
    pub hosts: Hosts,
    /// How long to wait for what.
    pub patience: Patience,
    /// An extra authority to trust.
    pub cacert: Option<PathBuf>,
    /// Stored logins.
    pub logins: Logins,
}

/// How long to wait for what. Nothing a server does may hold rlab for longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// The name lookup and the connection, each.
    pub reach: Duration,
    /// Silence on an open connection: so long, and it is dead.
    pub silence: Duration,
    /// Before the second attempt; twice as long before each further one.
    pub pause: Duration,
    /// The longest that a server may ask to be left alone.
    pub wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let (reach, silence) = (Duration::from_secs(3), Duration::from_secs(30));
        Self { reach, silence, pause: Duration::from_millis(300), wait: Duration::from_secs(20) }
    }
}

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
        let transport = Transport::new(settings.patience, settings.cacert.as_deref(), insecure)?;
        Ok(Self { hosts: settings.hosts, transport, door: Door::new(settings.logins) })
    }

    /// Mirrors and insecure hosts.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// How long to wait for what.
    pub fn patience(&self) -> &Patience {
        self.transport.patience()
    }

    /// Everything asked since the last time, for the trace.
    pub fn take_exchanges(&self) -> Vec<Exchange> {
        self.transport.take_log()
    }

    /// Knocks at a host: finds the scheme it speaks and how it wants to be asked.
    pub fn connect(&self, endpoint: &Endpoint, repository: &str) -> Result<Source, Error> {
        let host = &endpoint.authority;
        let (mut failure, mut unreached) = (None, None);
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
                // Where no port is named, each scheme has its own: nobody at 443 says nothing about 80.
                Err(Error::Unreachable { why, .. }) if !endpoint.has_port() && why != Unreached::NameLookup => {
                    unreached = unreached.or(Some(why));
                }
                // Nobody is there, for any scheme; unless somebody answered to the one before.
                Err(error @ Error::Unreachable { .. }) => return Err(failure.unwrap_or(error)),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let unreached = unreached.map(|why| Error::Unreachable { host: endpoint.described(), why });
        Err(failure.or(unreached).unwrap_or(Error::Protocol { host: host.clone(), problem: "no scheme to speak" }))
    }

    fn knock(&self, base: &str, host: &str) -> Result<(), Error> {
        let ask = Ask {
            knocks: true,
            note: Some("does it speak the registry protocol?".to_owned()),
            ..Ask::get(format!("{base}/v2/"))
        };
        let answer = persist(&self.transport, &ask, host)?;
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
            let answer = persist(&self.transport, &ask, &source.host)?;
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
            if answer.status != 200 {
                let url = format!("{}/v2/{}/{path}", source.base, source.repository);
                return Err(self.refusal(answer, source, path, &url));
            }
            let text = |name: &str| answer.header(name).map(str::to_owned);
            let (media_type, digest) = (text("content-type"), text("docker-content-digest"));
            if media_type.as_deref().is_some_and(|kind| kind.starts_with("text/html")) {
                return Err(Error::WebPage { host: source.host.clone(), what: path.to_owned() });
            }
            match answer.bytes(limit_bytes) {
                Ok(Some(bytes)) => return Ok(Body { bytes, media_type, digest }),
                Ok(None) => {
                    let what = format!("{path} of {} at {}", source.repository, source.host);
                    return Err(Error::TooLarge { what, limit_bytes });
                }
                Err(_) if attempts.next().is_some() => std::thread::sleep(self.patience().pause),
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
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
pub mod tests;

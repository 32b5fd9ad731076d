//! Why a registry did not give what it was asked for.
//!
//! The kinds matter: only *unreachable* lets rlab fall back to a classroom image. A registry that answers "no" is a
//! registry that was reached, and its answer stands.

use std::fmt;
use std::time::Duration;

use crate::image::digest::Digest;
use crate::image::manifest;
use crate::image::reference::DOCKER_HUB;

/// Why a host could not be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreached {
    /// Its name has no address, or nobody answers for names.
    NameLookup,
    /// Nothing listens there.
    Refused,
    /// No answer within the limit.
    TimedOut(Duration),
    /// No route leads there.
    NoRoute,
    /// The proxy of the environment did not let it through.
    Proxy(String),
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameLookup => f.write_str("its name cannot be looked up"),
            Self::Refused => f.write_str("the connection is refused"),
            Self::TimedOut(limit) => write!(f, "no answer within {} s", limit.as_secs_f32()),
            Self::NoRoute => f.write_str("no route leads there"),
            Self::Proxy(text) => write!(f, "the proxy says {text:?}"),
        }
    }
}

/// Failures at a registry, by kind.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody there.
    #[error("registry {host} cannot be reached: {why}")]
    Unreachable {
        /// The host tried.
        host: String,
        /// Why not.
        why: Unreached,
    },
    /// It wants to know who asks.
    #[error("registry {host} wants a login for {repository}")]
    Unauthorized {
        /// The host.
        host: String,
        /// What was asked for.
        repository: String,
        /// Whether credentials were sent, and not accepted.
        sent: bool,
    },
    /// It knows who asks and says no.
    #[error("registry {host} denies access to {repository}: {message}")]
    Denied {
        /// The host.
        host: String,
        /// What was asked for.
        repository: String,
        /// Its own words.
        message: String,
    },
    /// It has no such thing.
    #[error("registry {host} has no {what}")]
    NotFound {
        /// The host.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// It asks for patience beyond ours.
    #[error("registry {host} limits requests, it says to come back in {} s", after.as_secs())]
    RateLimited {
        /// The host.
        host: String,
        /// How long.
        after: Duration,
    },
    /// Any other answer that is no yes.
    #[error("registry {host} answers {status} to {url}: {message}")]
    Refused {
        /// The host.
        host: String,
        /// The address asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Its own words.
        message: String,
    },
    /// The connection broke, and broke again.
    #[error("the connection to {host} broke: {problem}")]
    Broken {
        /// The host.
        host: String,
        /// What happened.
        problem: String,
    },
    /// No trust in who answered.
    #[error("no secure connection to {host}: {problem}")]
    Tls {
        /// The host.
        host: String,
        /// What the TLS library says.
        problem: String,
    },
    /// It answers with something no registry answers with.
    #[error("{host} does not speak the registry protocol: {problem}")]
    Protocol {
        /// The host.
        host: String,
        /// What is odd.
        problem: &'static str,
    },
    /// A document larger than any honest one.
    #[error("{what} is larger than the {limit_bytes} bytes allowed")]
    TooLarge {
        /// Which document.
        what: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// The bytes are not what they were asked by.
    #[error("{what} should be {promised} but is {found}")]
    DigestMismatch {
        /// Which content.
        what: String,
        /// The digest asked for.
        promised: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// The size is not what was promised.
    #[error("{what} should be {promised_bytes} bytes but is {found_bytes}")]
    SizeMismatch {
        /// Which content.
        what: String,
        /// The size of the descriptor.
        promised_bytes: u64,
        /// The size of what came.
        found_bytes: u64,
    },
    /// The document is no image.
    #[error("{reference}: {source}")]
    Manifest {
        /// The image asked for.
        reference: String,
        /// What is wrong.
        source: manifest::Error,
    },
    /// None of the images of an index fits.
    #[error("{reference} has no image for {wanted}, only for {offered}")]
    NoPlatform {
        /// The image asked for.
        reference: String,
        /// The platform asked for.
        wanted: String,
        /// What there is.
        offered: String,
    },
    /// The credential helper failed.
    #[error("docker-credential-{helper} failed: {problem}")]
    CredentialHelper {
        /// Its name.
        helper: String,
        /// What it said.
        problem: String,
    },
    /// Docker's config file cannot be read.
    #[error("{path}: {problem}")]
    DockerConfig {
        /// Which file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The extra root certificate cannot be used.
    #[error("{path} holds no certificate: {problem}")]
    CaCert {
        /// Which file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Another download of the same pull failed, so this one ended.
    #[error("stopped, because another download failed")]
    Stopped,
    /// A mirror's address cannot be used.
    #[error("{mirror:?} is no mirror: it reads https://HOST[:PORT], without a path")]
    BadMirror {
        /// What was configured.
        mirror: String,
    },
}

impl Error {
    /// Whether nobody answered at all, the one case in which a classroom image may stand in.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// What the user could do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { why: Unreached::NameLookup, .. } => {
                Some("check the network with getent hosts NAME, or name a mirror with --mirror".to_owned())
            }
            Self::Unreachable { .. } => Some("check the network and proxy, or name a mirror with --mirror".to_owned()),
            Self::Unauthorized { host, sent: false, .. } if host.ends_with(DOCKER_HUB) => Some(
                "Docker Hub answers so for names it does not have, too; check the spelling, or docker login".to_owned(),
            ),
            Self::Unauthorized { host, sent: false, .. } => {
                Some(format!("docker login {host}, rlab reads what it stores"))
            }
            Self::Unauthorized { host, sent: true, .. } => {
                Some(format!("the stored login was refused; renew it with docker login {host}"))
            }
            Self::NotFound { .. } => Some("check the spelling of name and tag".to_owned()),
            Self::RateLimited { .. } => Some("docker login raises the limit, a mirror avoids it: --mirror".to_owned()),
            Self::Tls { .. } => Some("a registry with its own authority needs --cacert FILE".to_owned()),
            Self::NoPlatform { .. } => Some("name another machine with --platform OS/ARCHITECTURE".to_owned()),
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } => {
                Some("someone between here and the registry changed the bytes; try again, or another mirror".to_owned())
            }
            Self::Manifest { .. } => {
                Some("the image was built broken: try another tag, and tell whoever built it".to_owned())
            }
            _ => None,
        }
    }
}

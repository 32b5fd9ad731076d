//! What can go wrong between here and a host, before it is told what it means.

use std::io;
use std::time::Duration;

use ureq::Timeout;

use super::error::{Error, Unreached};
use super::transport::authority;

/// A failure on the wire.
#[derive(Debug)]
pub enum Wire {
    /// There was no connection to begin with.
    Unreached(Unreached),
    /// It broke, or went silent.
    Broken(String),
    /// It is not to be trusted.
    Tls(String),
    /// It is not HTTP.
    Protocol(&'static str),
}

impl std::fmt::Display for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreached(why) => why.fmt(f),
            Self::Broken(problem) | Self::Tls(problem) => f.write_str(problem),
            Self::Protocol(problem) => f.write_str(problem),
        }
    }
}

impl Wire {
    /// Tells what a failure is. `limit` is the time that reaching a host may take, `knocks` whether it was the first
    /// question, whose silence means that nobody is there.
    pub fn from(error: ureq::Error, limit: Duration, knocks: bool) -> Self {
        match error {
            ureq::Error::Timeout(_) if knocks => Wire::Unreached(Unreached::TimedOut(limit)),
            ureq::Error::HostNotFound => Wire::Unreached(Unreached::NameLookup),
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => Wire::Unreached(Unreached::TimedOut(limit)),
            ureq::Error::ConnectProxyFailed(text) => Wire::Unreached(Unreached::Proxy(text)),
            ureq::Error::ConnectionFailed => Wire::Unreached(Unreached::Refused),
            ureq::Error::Io(error) => classify_io(&error, limit),
            // The rest of the sentence lists every name of the certificate.
            ureq::Error::Rustls(error) => Wire::Tls(first_clause(&error.to_string())),
            ureq::Error::Tls(text) => Wire::Tls(text.to_owned()),
            ureq::Error::Protocol(_) => Wire::Protocol("the answer is not HTTP"),
            ureq::Error::LargeResponseHeader(..) => Wire::Protocol("its headers are without end"),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Wire::Protocol("it names an address that is none"),
            ureq::Error::Timeout(_) => Wire::Broken("it fell silent".to_owned()),
            other => Wire::Broken(other.to_string()),
        }
    }

    /// The same at the host of an address that the one asked has sent us to. That one was reached, and answered.
    pub fn elsewhere(self, url: &str) -> Self {
        let host = authority(url).unwrap_or(url);
        match self {
            Self::Unreached(why) => Self::Broken(format!("it sends to {host}, and there {why}")),
            Self::Broken(problem) => Self::Broken(format!("it sends to {host}, and there {problem}")),
            Self::Tls(problem) => Self::Tls(format!("it sends to {host}, and there {problem}")),
            Self::Protocol(problem) => Self::Protocol(problem),
        }
    }

    /// Tells what it means at a host.
    pub fn at(self, host: &str) -> Error {
        let host = host.to_owned();
        match self {
            Self::Unreached(why) => Error::Unreachable { host, why },
            Self::Broken(problem) => Error::Broken { host, problem },
            Self::Tls(problem) => Error::Tls { host, problem },
            Self::Protocol(problem) => Error::Protocol { host, problem },
        }
    }
}

fn classify_io(error: &io::Error, limit: Duration) -> Wire {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Wire::Unreached(Unreached::Refused),
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => Wire::Unreached(Unreached::NoRoute),
        io::ErrorKind::TimedOut => Wire::Unreached(Unreached::TimedOut(limit)),
        // rustls reports a certificate it does not accept, or a peer that speaks no TLS, as invalid data.
        io::ErrorKind::InvalidData => Wire::Tls(first_clause(&error.to_string())),
        _ => Wire::Broken(error.to_string()),
    }
}

fn first_clause(text: &str) -> String {
    text.split(';').next().unwrap_or(text).to_owned()
}

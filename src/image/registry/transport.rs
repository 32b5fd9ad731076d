//! HTTP requests one at a time: sent, redirected, repeated and recorded.
//!
//! Redirects are followed here rather than by the HTTP library, so each hop is seen in the trace, and so that it is
//! plain that a login never travels on: registries send readers to storage hosts that must not learn it.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Request, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Timeout};

use super::endpoint::{host_of, is_loopback};
use super::error::{Error, Unreached};
use super::lookup::Lookup;

/// One request and its answer, for the trace. Never holds a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// `GET`, `HEAD` or `POST`.
    pub method: &'static str,
    /// The address, without the signed query of a redirect.
    pub url: String,
    /// The answer, or `None` when there was none.
    pub status: Option<u16>,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// From sending to the last byte.
    pub duration: Duration,
    /// What is worth knowing beside.
    pub note: Option<String>,
}

/// What to ask.
#[derive(Debug, Clone)]
pub struct Ask {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The whole address.
    pub url: String,
    /// Headers that go along to wherever a redirect leads.
    pub headers: Vec<(&'static str, String)>,
    /// The value of Authorization, for the first host alone.
    pub authorization: Option<String>,
    /// The body of a form.
    pub form: Option<String>,
    /// Whether this is the first question to a host, whose silence means that nobody is there.
    pub knocks: bool,
    /// Why, for the trace.
    pub note: Option<String>,
}

impl Ask {
    /// A plain GET.
    pub fn get(url: String) -> Self {
        Self { method: "GET", url, headers: Vec::new(), authorization: None, form: None, knocks: false, note: None }
    }
}

/// What came back: status and headers at hand, the body still on the wire.
pub struct Answer<'t> {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    body: ureq::BodyReader<'static>,
    transport: &'t Transport,
    index: usize,
    began: Instant,
}

/// What can go wrong on the wire, before it is told what it means.
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

const MAX_REDIRECTS: usize = 5;
/// Silence on an open connection for so long means it is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// The host's own list of authorities, where the distributions keep it.
const HOST_ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

type Outcome = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// The connections of one client.
#[derive(Debug)]
pub struct Transport {
    agent: Agent,
    reach_timeout: Duration,
    insecure: Vec<String>,
    log: Mutex<Vec<Exchange>>,
}

impl Transport {
    /// Opens nothing yet. `reach_timeout` bounds the name lookup and the connection, each.
    pub fn new(reach_timeout: Duration, cacert: Option<&Path>, insecure: Vec<String>) -> Result<Self, Error> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("rlab/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(reach_timeout))
            .timeout_recv_response(Some(SILENCE_LIMIT))
            .timeout_per_read(Some(SILENCE_LIMIT))
            .timeout_per_write(Some(SILENCE_LIMIT));
        if let Some(roots) = roots(cacert)? {
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        let agent = Agent::with_parts(config.build(), DefaultConnector::default(), Lookup::new(reach_timeout));
        Ok(Self { agent, reach_timeout, insecure, log: Mutex::default() })
    }

    /// Sends a request and follows where it is sent on to.
    pub fn send(&self, ask: &Ask) -> Result<Answer<'_>, Wire> {
        let mut url = ask.url.clone();
        let first = authority(&url).map(str::to_owned);
        for hop in 0..=MAX_REDIRECTS {
            let same_host = authority(&url) == first.as_deref();
            let answer = self.once(ask, &url, hop, same_host && hop == 0)?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) || ask.form.is_some() {
                return Ok(answer);
            }
            let location = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
            url = self.redirect(&url, location.ok_or(Wire::Protocol("it redirects to nowhere"))?)?;
        }
        Err(Wire::Protocol("it redirects without end"))
    }

    fn redirect(&self, from: &str, location: &str) -> Result<String, Wire> {
        let target = if location.starts_with("https://") || location.starts_with("http://") {
            location.to_owned()
        } else if location.starts_with('/') && !location.starts_with("//") {
            let base = from.find("://").and_then(|at| from[at + 3..].find('/').map(|slash| &from[..at + 3 + slash]));
            format!("{}{location}", base.unwrap_or(from))
        } else {
            return Err(Wire::Protocol("it redirects to an address of an unknown form"));
        };
        let plain_allowed = authority(&target).is_some_and(|to| {
            is_loopback(to) || self.insecure.iter().any(|allowed| allowed == to || allowed == host_of(to))
        });
        if target.starts_with("http://") && from.starts_with("https://") && !plain_allowed {
            return Err(Wire::Protocol("it redirects from a secure to an open connection"));
        }
        Ok(target)
    }

    fn once(&self, ask: &Ask, url: &str, hop: usize, with_login: bool) -> Result<Answer<'_>, Wire> {
        let began = Instant::now();
        let result = self.run(ask, url, with_login);
        let note = ask.note.clone().filter(|_| hop == 0).or_else(|| (hop > 0).then(|| "redirected here".to_owned()));
        let shown = if hop > 0 { url.split('?').next().unwrap_or(url) } else { url };
        let status = result.as_ref().ok().map(|response| response.status().as_u16());
        let index = self.record(Exchange {
            method: ask.method,
            url: shown.to_owned(),
            status,
            bytes: 0,
            duration: began.elapsed(),
            note,
        });
        let response =
            result.map_err(|error| self.classify(error, ask.knocks)).inspect_err(|wire| self.annotate(index, wire))?;
        let (parts, body) = response.into_parts();
        let body = body.into_with_config().limit(u64::MAX).reader();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, transport: self, index, began })
    }

    fn run(&self, ask: &Ask, url: &str, with_login: bool) -> Outcome {
        let mut request = Request::builder().method(ask.method).uri(url);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = ask.authorization.as_ref().filter(|_| with_login) {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        match &ask.form {
            Some(form) => {
                let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
                self.run_request(request.body(form.clone())?, url, ask.knocks)
            }
            None => self.run_request(request.body(())?, url, ask.knocks),
        }
    }

    fn run_request<B: ureq::AsSendBody>(&self, request: Request<B>, url: &str, knocks: bool) -> Outcome {
        let mut scope = self.agent.configure_request(request);
        // A proxy is for the way out; this machine's own registry is not behind it.
        if authority(url).is_some_and(is_loopback) {
            scope = scope.proxy(None);
        }
        if knocks {
            let limit = Some(self.reach_timeout);
            scope = scope.timeout_recv_response(limit).timeout_per_read(limit);
        }
        self.agent.run(scope.build())
    }

    fn classify(&self, error: ureq::Error, knocks: bool) -> Wire {
        let limit = self.reach_timeout;
        match error {
            ureq::Error::Timeout(_) if knocks => Wire::Unreached(Unreached::TimedOut(limit)),
            ureq::Error::HostNotFound => Wire::Unreached(Unreached::NameLookup),
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => Wire::Unreached(Unreached::TimedOut(limit)),
            ureq::Error::ConnectProxyFailed(text) => Wire::Unreached(Unreached::Proxy(text)),
            ureq::Error::ConnectionFailed => Wire::Unreached(Unreached::Refused),
            ureq::Error::Io(error) => classify_io(&error, limit),
            ureq::Error::Rustls(error) => Wire::Tls(error.to_string()),
            ureq::Error::Tls(text) => Wire::Tls(text.to_owned()),
            ureq::Error::Protocol(_) => Wire::Protocol("the answer is not HTTP"),
            other => Wire::Broken(other.to_string()),
        }
    }

    fn record(&self, exchange: Exchange) -> usize {
        let mut log = self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        log.push(exchange);
        log.len() - 1
    }

    fn annotate(&self, index: usize, wire: &Wire) {
        let mut log = self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(exchange) = log.get_mut(index) {
            exchange.note = Some(wire.to_string());
        }
    }

    fn update(&self, index: usize, bytes: u64, duration: Duration) {
        let mut log = self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(exchange) = log.get_mut(index) {
            (exchange.bytes, exchange.duration) = (bytes, duration);
        }
    }

    /// Everything asked since the last time.
    pub fn take_log(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Answer<'_> {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the server asks to wait, when it says so in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs)
    }

    /// Reads the whole body; `Ok(None)` when it is longer than allowed.
    pub fn bytes(mut self, limit_bytes: u64) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let result = (&mut self.body).take(limit_bytes + 1).read_to_end(&mut bytes);
        self.finish(bytes.len() as u64);
        result?;
        Ok((bytes.len() as u64 <= limit_bytes).then_some(bytes))
    }

    /// Lets go of a body nobody needs, short ones so that the connection can serve again.
    pub fn drain(self) {
        // Failing to read what is thrown away harms nobody.
        let _ = self.bytes(64 << 10);
    }

    /// Writes down how much was read.
    pub fn finish(&self, bytes: u64) {
        self.transport.update(self.index, bytes, self.began.elapsed());
    }
}

impl Read for Answer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
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
        io::ErrorKind::InvalidData => Wire::Tls(error.to_string()),
        _ => Wire::Broken(error.to_string()),
    }
}

/// Host and port of an address.
pub fn authority(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    url.parse::<Uri>().ok()?;
    Some(authority)
}

/// The host's own authorities and the extra one. Where the host keeps no list, Mozilla's compiled-in one serves, except
/// beside an extra one, which then stands alone.
fn roots(cacert: Option<&Path>) -> Result<Option<RootCerts>, Error> {
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    let host_roots = std::env::var_os("SSL_CERT_FILE").map(|file| std::fs::read(file).ok());
    let host_roots = host_roots.unwrap_or_else(|| HOST_ROOTS.iter().find_map(|path| std::fs::read(path).ok()));
    certificates.extend(host_roots.iter().flat_map(|pem| certificates_in(pem)));
    if let Some(path) = cacert {
        let problem = |problem: String| Error::CaCert { path: path.display().to_string(), problem };
        let extra = certificates_in(&std::fs::read(path).map_err(|error| problem(error.to_string()))?);
        if extra.is_empty() {
            return Err(problem("no CERTIFICATE block in it".to_owned()));
        }
        certificates.extend(extra);
    }
    Ok((!certificates.is_empty()).then(|| RootCerts::new_with_certs(&certificates)))
}

fn certificates_in(pem: &[u8]) -> Vec<Certificate<'static>> {
    let items = parse_pem(pem).filter_map(Result::ok);
    items.filter_map(|item| if let PemItem::Certificate(one) = item { Some(one) } else { None }).collect()
}

#[cfg(test)]
mod tests;

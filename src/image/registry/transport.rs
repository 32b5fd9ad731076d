//! HTTP requests one at a time: sent, redirected, repeated and recorded.
//!
//! Redirects are followed here rather than by the HTTP library, so each hop is seen in the trace, and so that it is
//! plain that a login never travels on: registries send readers to storage hosts that must not learn it.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::{HeaderMap, Request, Uri, header};
use ureq::tls::TlsConfig;
use ureq::unversioned::transport::DefaultConnector;

use super::Patience;
use super::endpoint::{host_of, is_loopback};
use super::error::Error;
use super::headers;
use super::lookup::Lookup;
use super::roots::roots;
use super::wire::Wire;

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
    /// When the current stretch of reading began, and what it brought.
    stretch: (Instant, usize),
}

const MAX_REDIRECTS: usize = 5;
/// What a body must bring in the time that a connection may be silent: a server that sends a byte now and then would
/// otherwise hold rlab for ever. The slowest modem brings ten times as much.
const MIN_STRETCH_BYTES: usize = 4 << 10;
type Outcome = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// The connections of one client.
#[derive(Debug)]
pub struct Transport {
    agent: Agent,
    patience: Patience,
    insecure: Vec<String>,
    log: Mutex<Vec<Exchange>>,
}

impl Transport {
    /// Opens nothing yet.
    pub fn new(patience: Patience, cacert: Option<&Path>, insecure: Vec<String>) -> Result<Self, Error> {
        let (reach, silence) = (patience.reach, Some(patience.silence));
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("rlab/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(reach))
            .timeout_recv_response(silence)
            .timeout_per_read(silence)
            .timeout_per_write(silence);
        if let Some(roots) = roots(cacert)? {
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        let agent = Agent::with_parts(config.build(), DefaultConnector::default(), Lookup::new(reach));
        Ok(Self { agent, patience, insecure, log: Mutex::default() })
    }

    /// Sends a request and follows where it is sent on to.
    pub fn send(&self, ask: &Ask) -> Result<Answer<'_>, Wire> {
        let mut url = ask.url.clone();
        for hop in 0..=MAX_REDIRECTS {
            let answer = self.once(ask, &url, hop).map_err(|wire| if hop > 0 { wire.elsewhere(&url) } else { wire })?;
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
        let to = authority(&target).ok_or(Wire::Protocol("it redirects to an address of an unknown form"))?;
        if is_loopback(to) && !authority(from).is_some_and(is_loopback) {
            // What listens on this machine trusts whoever is on it; a stranger must not ask it through us.
            return Err(Wire::Protocol("it redirects to this machine itself"));
        }
        if target.starts_with("http://") && from.starts_with("https://") && !self.is_plain_allowed(to) {
            return Err(Wire::Protocol("it redirects from a secure to an open connection"));
        }
        Ok(target)
    }

    /// Whether a host may be spoken to without TLS.
    pub fn is_plain_allowed(&self, authority: &str) -> bool {
        is_loopback(authority)
            || self.insecure.iter().any(|allowed| allowed == authority || allowed == host_of(authority))
    }

    /// How long to wait for what.
    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    fn once(&self, ask: &Ask, url: &str, hop: usize) -> Result<Answer<'_>, Wire> {
        let began = Instant::now();
        let result = self.run(ask, url, hop == 0);
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
        let response = result
            .map_err(|error| Wire::from(error, self.patience.reach, ask.knocks))
            .inspect_err(|wire| self.annotate(index, wire))?;
        let (parts, body) = response.into_parts();
        let body = body.into_with_config().limit(u64::MAX).reader();
        let (status, stretch) = (parts.status.as_u16(), (Instant::now(), 0));
        Ok(Answer { status, headers: parts.headers, body, transport: self, index, began, stretch })
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
            let limit = Some(self.patience.reach);
            scope = scope.timeout_recv_response(limit).timeout_per_read(limit);
        }
        self.agent.run(scope.build())
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

    /// How long the server asks to wait, when it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        headers::retry_after(self.header("retry-after")?, self.header("date"))
    }

    /// The length that the server promises for what it sends.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length").and_then(|text| text.trim().parse().ok())
    }

    /// Reads the whole body; `Ok(None)` when it is longer than allowed.
    pub fn bytes(mut self, limit_bytes: u64) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let result = (&mut self).take(limit_bytes + 1).read_to_end(&mut bytes);
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
        let n = self.body.read(buffer)?;
        self.stretch.1 += n;
        let (began, brought) = self.stretch;
        if n > 0 && began.elapsed() > self.transport.patience.silence {
            if brought < MIN_STRETCH_BYTES {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it sends too slowly to ever end"));
            }
            self.stretch = (Instant::now(), 0);
        }
        Ok(n)
    }
}

/// Host and port of an address. One with a user in it has none: `http://127.0.0.1:80@elsewhere/` only looks like this
/// machine, and no registry needs it.
pub fn authority(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let parsed: Uri = url.parse().ok()?;
    (parsed.authority()?.as_str() == authority && !authority.contains('@')).then_some(authority)
}

#[cfg(test)]
mod tests;

//! What registries do that they should not, a row each: the misbehaviour, and what has to come of it.

mod answers;
mod documents;

pub use answers::{REDIRECTS, STATUSES, WIRES};
pub use documents::DOCUMENTS;

use serde_json::json;
use std::time::Duration;

use super::good::{INDEX, Image, MANIFEST, digest, part};
use super::server::{Reply, Request, Server, Then};

/// What a case has at hand.
#[derive(Clone)]
pub struct World {
    /// The image as it should be.
    pub image: Image,
    /// Another host, which is no registry: it has the image's blobs, gives tokens, and sends back whoever comes.
    pub elsewhere: String,
}

/// What has to come of it.
#[derive(Debug, Clone, Copy)]
pub enum Expect {
    /// The image is here.
    Pulled,
    /// It is not, and the message and its hint have these in them.
    Refused(&'static [&'static str]),
}

/// One misbehaviour. It gives no reply where it behaves.
pub struct Case {
    /// What happens.
    pub name: &'static str,
    /// What has to come of it.
    pub expect: Expect,
    /// The misbehaviour.
    pub act: fn(&World, &Request) -> Option<Reply>,
}

const fn pulled(name: &'static str, act: fn(&World, &Request) -> Option<Reply>) -> Case {
    Case { name, expect: Expect::Pulled, act }
}

const fn refused(
    name: &'static str,
    told: &'static [&'static str],
    act: fn(&World, &Request) -> Option<Reply>,
) -> Case {
    Case { name, expect: Expect::Refused(told), act }
}

impl World {
    /// A world with another host in it.
    pub fn new() -> (Self, Server) {
        let image = Image::new();
        let shown = image.clone();
        let elsewhere = Server::start(move |request| match request.path.split_once('?') {
            Some(("/token", _)) => Reply::new("200 OK", "", r#"{"token":"from-elsewhere"}"#),
            Some(("/back", to)) => redirect(&format!("http://{to}")),
            _ => shown.serve(request),
        });
        (Self { image, elsewhere: elsewhere.host.clone() }, elsewhere)
    }

    /// The registry of a case.
    pub fn registry(&self, case: &'static Case) -> Server {
        let world = self.clone();
        Server::start(move |request| (case.act)(&world, request).unwrap_or_else(|| world.image.serve(request)))
    }

    fn wants_layer(&self, request: &Request) -> bool {
        request.path.ends_with(&digest(&self.image.layer))
    }

    fn layer(&self, request: &Request, reply: impl Fn(&[u8]) -> Reply) -> Option<Reply> {
        self.wants_layer(request).then(|| reply(&self.image.layer))
    }
}

fn of_manifest(request: &Request, reply: impl Fn() -> Reply) -> Option<Reply> {
    request.path.contains("/manifests/").then(reply)
}

fn of_token(request: &Request, reply: impl Fn() -> Reply) -> Option<Reply> {
    closed(request, &format!("Bearer realm=\"http://{}/token\",service=\"lab\"", request.header("host")))
        .or_else(|| request.path.starts_with("/token").then(reply))
}

/// A door that opens to a bearer alone.
fn closed(request: &Request, challenge: &str) -> Option<Reply> {
    let is_open = request.header("authorization").starts_with("Bearer ") || !request.path.starts_with("/v2/");
    (!is_open).then(|| Reply::new("401 Unauthorized", &format!("WWW-Authenticate: {challenge}\r\n"), ""))
}

fn redirect(to: &str) -> Reply {
    Reply::new("307 Temporary Redirect", &format!("Location: {to}\r\n"), "")
}

fn cut(layer: &[u8], bytes: usize) -> Reply {
    Reply::head("200 OK", &format!("Content-Length: {}\r\n", layer.len())).and(&layer[..bytes])
}

fn chunked(status: &str, body: impl AsRef<[u8]>) -> Reply {
    Reply::head(status, "Transfer-Encoding: chunked\r\n").and(body)
}

fn with_layer(world: &World, layer: serde_json::Value) -> Reply {
    world.image.changed(|manifest| manifest["layers"] = json!([layer]))
}

fn index(entries: serde_json::Value) -> Reply {
    let body = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
    Reply::new("200 OK", &format!("Content-Type: {INDEX}\r\n"), body)
}

const OFTEN: Duration = Duration::from_millis(2);
const KILOBYTE: &[u8] = &[b'x'; 1024];
const ALWAYS_BROKEN: &[&str] = &["broke: ", "try again later"];

/// Connections that break, and ranges.
pub const BREAKS: &[Case] = &[
    pulled("breaks in the middle once", |world, request| {
        if request.before > 0 && request.first_byte() == 0 {
            return Some(Reply::new("500 the range is missing", "", ""));
        }
        world.layer(
            request,
            |layer| if request.before == 0 { cut(layer, 70_000) } else { part(layer, request.first_byte()) },
        )
    }),
    pulled("breaks, and sends all again", |world, request| {
        world.layer(request, |layer| if request.before == 0 { cut(layer, 70_000) } else { part(layer, 0) })
    }),
    pulled("breaks, and denies the range", |world, request| {
        world.layer(request, |layer| match (request.before, request.first_byte()) {
            (0, _) => cut(layer, 70_000),
            (_, 0) => part(layer, 0),
            _ => Reply::new("416 x", &format!("Content-Range: bytes */{}\r\n", layer.len()), ""),
        })
    }),
    pulled("breaks, and continues elsewhere in the blob", |world, request| {
        world.layer(request, |layer| match (request.before, request.first_byte()) {
            (0, _) => cut(layer, 70_000),
            (_, 0) => part(layer, 0),
            _ => part(layer, 5),
        })
    }),
    pulled("breaks, and continues without saying where", |world, request| {
        world.layer(request, |layer| match (request.before, request.first_byte()) {
            (0, _) => cut(layer, 70_000),
            (_, 0) => part(layer, 0),
            (_, first) => Reply::new("206 x", "", &layer[first..]),
        })
    }),
    pulled("continues with garbage, and is good when asked for all", |world, request| {
        let garbage = |length, range: &str| Reply::new("206 x", range, vec![0; length]);
        world.layer(request, |layer| match (request.before, request.first_byte()) {
            (0, _) => cut(layer, 70_000),
            (_, 0) => part(layer, 0),
            (_, first) => {
                garbage(layer.len() - first, &format!("Content-Range: bytes {first}-{}/*\r\n", layer.len() - 1))
            }
        })
    }),
    refused("breaks at the same byte each time", ALWAYS_BROKEN, |world, request| {
        world.layer(request, |layer| cut(layer, 70_000))
    }),
    refused("breaks after each hundred bytes", ALWAYS_BROKEN, |world, request| {
        let first = request.first_byte();
        world.layer(request, |layer| {
            let mut reply = part(layer, first);
            reply.bytes.truncate(reply.bytes.len() - (layer.len() - first) + 100);
            reply
        })
    }),
    refused("denies every range, and what was not asked for by range", &["nobody asked for"], |world, request| {
        world.layer(request, |_| Reply::new("416 x", "", ""))
    }),
    refused("sends a part when asked for all", &["nobody asked for"], |world, request| {
        world.layer(request, |layer| part(layer, 5))
    }),
    refused("calls the whole longer than promised", &["should be 201", "but is 300000"], |world, request| {
        world.layer(request, |layer| match request.first_byte() {
            0 if request.before == 0 => cut(layer, 70_000),
            0 => Reply::new("200 OK", "", vec![0; 300_000]),
            first => Reply::new("206 x", &format!("Content-Range: bytes {first}-299999/300000\r\n"), "x"),
        })
    }),
    refused("hangs up at once, always", ALWAYS_BROKEN, |world, request| world.layer(request, |_| Reply::raw(""))),
];

/// Doors: challenges, tokens and where they come from.
pub const DOORS: &[Case] = &[
    pulled("gives a token", |_, request| {
        of_token(request, || Reply::new("200 OK", "", r#"{"token":"t","expires_in":60}"#))
    }),
    pulled("gives an access_token that lasts for ever", |_, request| {
        of_token(request, || Reply::new("200 OK", "", r#"{"access_token":"t","expires_in":18446744073709551615}"#))
    }),
    pulled("gives a token after two breakdowns", |_, request| {
        let fine = request.before > 1 && request.path.starts_with("/token");
        let reply = if fine {
            Reply::new("200 OK", "", r#"{"token":"t"}"#)
        } else {
            Reply::new("503 x", "Retry-After: 0\r\n", "")
        };
        of_token(request, || reply.clone())
    }),
    pulled("sends the buyer of a token elsewhere", |world, request| {
        of_token(request, || redirect(&format!("http://{}/token?x", world.elsewhere)))
    }),
    refused("wants a login and does not say how", &["wants a login for lab/a", "docker login"], |_, request| {
        Some(Reply::new("401 x", "", "")).filter(|_| request.path != "/v2/")
    }),
    refused("wants a login of an unknown kind", &["wants a login"], |_, request| closed(request, "Negotiate")),
    refused("challenges with garbage", &["wants a login"], |_, request| closed(request, "=,,\"\\\"=; Bearer")),
    refused("names no realm", &["wants a login"], |_, request| closed(request, "Bearer service=\"lab\"")),
    refused("names an empty realm", &["wants logins sent to \"\"", "https realm"], |_, request| {
        closed(request, "Bearer realm=\"\"")
    }),
    refused("names a file as its realm", &["wants logins sent to \"file:///etc/passwd\""], |_, request| {
        closed(request, "Bearer realm=\"file:///etc/passwd\"")
    }),
    refused("names an open realm on the net", &["wants logins sent to \"http://192.0.2.1/token\""], |_, request| {
        closed(request, "Bearer realm=\"http://192.0.2.1/token\"")
    }),
    refused("names a realm that only looks like this machine", &["wants logins sent to"], |_, request| {
        closed(request, "Bearer realm=\"http://127.0.0.1:80@192.0.2.1/token\"")
    }),
    refused("names a realm where nobody listens", &["127.0.0.1:1 cannot be reached"], |_, request| {
        closed(request, "Bearer realm=\"http://127.0.0.1:1/token\"")
    }),
    refused("its token server refuses", &["wants a login", "docker login"], |_, request| {
        of_token(request, || Reply::new("401 x", "", ""))
    }),
    refused("its token server forbids", &["wants a login"], |_, request| {
        of_token(request, || Reply::new("403 x", "", ""))
    }),
    refused("its token server is broken", &["answers 500", "/token?", "try again later"], |_, request| {
        of_token(request, || Reply::new("500 x", "Retry-After: 0\r\n", ""))
    }),
    refused("its token is a web page", &["token cannot be read"], |_, request| {
        of_token(request, || Reply::new("200 OK", "", "<html>"))
    }),
    refused("its token is not there", &["gave no token"], |_, request| {
        of_token(request, || Reply::new("200 OK", "", "{}"))
    }),
    refused("its token is empty", &["gave no token"], |_, request| {
        of_token(request, || Reply::new("200 OK", "", r#"{"token":""}"#))
    }),
    refused("its token begins another header", &["its token has characters"], |_, request| {
        of_token(request, || Reply::new("200 OK", "", r#"{"token":"t\r\nX-Evil: 1"}"#))
    }),
    refused("its token is larger than any header", &["its token"], |_, request| {
        of_token(request, || Reply::new("200 OK", "", format!(r#"{{"token":"{}"}}"#, "t".repeat(500_000))))
    }),
    refused("its token has no end", &["token cannot be read"], |_, request| {
        of_token(request, || Reply::head("200 OK", "").then(Then::Repeat(KILOBYTE, Duration::ZERO)))
    }),
    refused("takes no token, whichever", &["wants a login"], |_, request| {
        let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{}/token\"\r\n", request.header("host"));
        let token = || Reply::new("200 OK", "", format!(r#"{{"token":"t{}"}}"#, request.before));
        Some(if request.path.starts_with("/token") { token() } else { Reply::new("401 x", &challenge, "") })
    }),
];

/// Silence. Only for a client whose patience a test can shorten.
pub const STALLS: &[Case] = &[
    refused("says continue, and never goes on", &["fell silent"], |_, request| {
        of_manifest(request, || Reply::raw("").then(Then::Repeat(b"HTTP/1.1 100 Continue\r\n\r\n", OFTEN)))
    }),
    refused("falls silent before it answers", &["fell silent", "try again later"], |_, request| {
        of_manifest(request, || Reply::raw("").then(Then::Stall))
    }),
    refused("falls silent within a header", &["fell silent"], |_, request| {
        of_manifest(request, || Reply::raw("HTTP/1.1 200 OK\r\nConte").then(Then::Stall))
    }),
    refused("falls silent within a manifest", &["broke: "], |world, request| {
        let half = world.image.document(&world.image.manifest, MANIFEST);
        let half = Reply::raw(&half.bytes[..half.bytes.len() - 50]);
        of_manifest(request, || half.clone().then(Then::Stall))
    }),
    refused("falls silent within a blob", &["broke: "], |world, request| {
        world.layer(request, |layer| cut(layer, 70_000).then(Then::Stall))
    }),
    refused("sends a header a byte at a time", &["fell silent"], |_, request| {
        of_manifest(request, || Reply::raw("HTTP/1.1 200 OK\r\nX: ").then(Then::Repeat(b"x", OFTEN)))
    }),
    refused("sends a manifest a byte at a time", &["too slowly to ever end"], |_, request| {
        let head = Reply::head("200 OK", &format!("Content-Type: {MANIFEST}\r\n"));
        of_manifest(request, || head.clone().then(Then::Repeat(b"x", OFTEN)))
    }),
    refused("sends a blob a byte at a time", &["too slowly to ever end"], |world, request| {
        world.layer(request, |layer| cut(layer, 10).then(Then::Repeat(b"x", OFTEN)))
    }),
    refused("sends its reasons a byte at a time", &["denies access"], |_, request| {
        of_manifest(request, || Reply::head("403 x", "").then(Then::Repeat(b"x", OFTEN)))
    }),
];

/// All that a client of any patience can stand.
pub const PROMPT: [&[Case]; 6] = [BREAKS, DOORS, STATUSES, REDIRECTS, DOCUMENTS, WIRES];

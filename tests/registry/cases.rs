//! What registries do that they should not, a row each: the misbehaviour, and what has to come of it.

use serde_json::json;
use std::time::Duration;

use super::good::{self, CONFIG, INDEX, Image, LAYER, MANIFEST, descriptor, digest, part};
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
        if request.before > 0 && request.from_byte() == 0 {
            return Some(Reply::new("500 the range is missing", "", ""));
        }
        world.layer(
            request,
            |layer| if request.before == 0 { cut(layer, 70_000) } else { part(layer, request.from_byte()) },
        )
    }),
    pulled("breaks, and sends all again", |world, request| {
        world.layer(request, |layer| if request.before == 0 { cut(layer, 70_000) } else { part(layer, 0) })
    }),
    pulled("breaks, and denies the range", |world, request| {
        world.layer(request, |layer| match (request.before, request.from_byte()) {
            (0, _) => cut(layer, 70_000),
            (_, 0) => part(layer, 0),
            _ => Reply::new("416 x", &format!("Content-Range: bytes */{}\r\n", layer.len()), ""),
        })
    }),
    pulled("breaks, and continues elsewhere in the blob", |world, request| {
        world.layer(request, |layer| match (request.before, request.from_byte()) {
            (0, _) => cut(layer, 70_000),
            (_, 0) => part(layer, 0),
            _ => part(layer, 5),
        })
    }),
    pulled("breaks, and continues without saying where", |world, request| {
        world.layer(request, |layer| match (request.before, request.from_byte()) {
            (0, _) => cut(layer, 70_000),
            (_, 0) => part(layer, 0),
            (_, first) => Reply::new("206 x", "", &layer[first..]),
        })
    }),
    pulled("continues with garbage, and is good when asked for all", |world, request| {
        let garbage = |length, range: &str| Reply::new("206 x", range, vec![0; length]);
        world.layer(request, |layer| match (request.before, request.from_byte()) {
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
        let first = request.from_byte();
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
        world.layer(request, |layer| match request.from_byte() {
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

/// Answers that are no yes.
pub const STATUSES: &[Case] = &[
    pulled("is out of breath once, and says for how long", |_, request| {
        of_manifest(request, || Reply::new("429 x", "Retry-After: 0\r\n", "")).filter(|_| request.before == 0)
    }),
    pulled("is out of breath until a moment that is over", |_, request| {
        let headers = "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        of_manifest(request, || Reply::new("429 x", headers, "")).filter(|_| request.before == 0)
    }),
    pulled("is away for a moment", |world, request| {
        world.layer(request, |_| Reply::new("503 x", "Retry-After: 0\r\n", "")).filter(|_| request.before < 2)
    }),
    refused("wants an hour", &["come back in 3600 s", "docker login raises the limit"], |_, request| {
        of_manifest(request, || Reply::new("429 x", "Retry-After: 3600\r\n", ""))
    }),
    refused("wants more seconds than there are", &["come back in"], |_, request| {
        of_manifest(request, || Reply::new("429 x", "Retry-After: 99999999999999999999999999\r\n", ""))
    }),
    refused("wants until the year 9999", &["come back in"], |_, request| {
        of_manifest(request, || Reply::new("429 x", "Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n", ""))
    }),
    refused("is out of breath for ever", &["limits requests"], |_, request| {
        of_manifest(request, || Reply::new("429 x", "Retry-After: 0\r\n", ""))
    }),
    refused("is broken", &["answers 500 to", "try again later"], |_, request| {
        of_manifest(request, || Reply::new("500 x", "Retry-After: 0\r\n", ""))
    }),
    refused("is a broken gateway", &["answers 502 to"], |world, request| {
        world.layer(request, |_| Reply::new("502 x", "Retry-After: 0\r\n", ""))
    }),
    refused("is away", &["answers 503 to"], |_, request| {
        Some(Reply::new("503 x", "Retry-After: 0\r\n", "")).filter(|_| request.path == "/v2/")
    }),
    refused(
        "denies, with a terminal's codes in its words",
        &["denies access to lab/a: not [31myou", "docker login"],
        |_, request| {
            let words = r#"{"errors":[{"code":"DENIED","message":"not \u001b[31myou\r\n"}]}"#;
            of_manifest(request, || Reply::new("403 x", "", words))
        },
    ),
    refused("denies with words that have no end", &["denies access"], |_, request| {
        of_manifest(request, || Reply::head("403 x", "").then(Then::Repeat(KILOBYTE, Duration::ZERO)))
    }),
    refused("has no such tag", &["has no lab/a:1", "spelling"], |_, request| {
        of_manifest(request, || Reply::new("404 x", "", ""))
    }),
    refused("has no such layer", &["has no blobs/sha256:"], |world, request| {
        world.layer(request, |_| Reply::new("404 x", "", ""))
    }),
    refused("is a teapot", &["answers 418 to"], |_, request| of_manifest(request, || Reply::new("418 x", "", ""))),
    refused("has nothing to say", &["answers 204 to"], |_, request| of_manifest(request, || Reply::head("204 x", ""))),
    refused("gives a part of a manifest", &["answers 206 to"], |_, request| {
        of_manifest(request, || Reply::new("206 x", "", "{}"))
    }),
    refused("has no /v2/", &["does not speak the registry protocol", "curl"], |_, request| {
        Some(Reply::new("404 x", "", "<html>")).filter(|_| request.path == "/v2/")
    }),
    refused("forbids even to knock", &["answers 403 to"], |_, request| {
        Some(Reply::new("403 x", "", "")).filter(|_| request.path == "/v2/")
    }),
];

/// Other hosts.
pub const REDIRECTS: &[Case] = &[
    pulled("has its blobs elsewhere", |world, request| {
        world.layer(request, |_| redirect(&format!("http://{}{}?signature=x", world.elsewhere, request.path)))
    }),
    refused("redirects to itself", &["redirects without end"], |world, request| {
        world.layer(request, |_| redirect(&request.path))
    }),
    refused("redirects to and fro", &["redirects without end"], |world, request| {
        let back = format!("http://{}/back?{}{}", world.elsewhere, request.header("host"), request.path);
        world.layer(request, |_| redirect(&back))
    }),
    refused("redirects to nowhere", &["redirects to nowhere"], |world, request| {
        world.layer(request, |_| Reply::new("302 x", "", ""))
    }),
    refused("redirects to a file", &["address of an unknown form"], |world, request| {
        world.layer(request, |_| redirect("file:///etc/passwd"))
    }),
    refused("redirects to another protocol", &["address of an unknown form"], |world, request| {
        world.layer(request, |_| redirect("ftp://192.0.2.1/x"))
    }),
    refused("redirects to a socket", &["address of an unknown form"], |world, request| {
        world.layer(request, |_| redirect("unix:///run/docker.sock"))
    }),
    refused("redirects without a scheme", &["address of an unknown form"], |world, request| {
        world.layer(request, |_| redirect("//192.0.2.1/x"))
    }),
    refused("redirects to a user at a host", &["address of an unknown form"], |world, request| {
        world.layer(request, |_| redirect("http://127.0.0.1:80@192.0.2.1/x"))
    }),
    refused("redirects to bytes that are no text", &["redirects to nowhere"], |world, request| {
        world.layer(request, |_| Reply::head("302 x", "").and(b"").clone()).map(|_| {
            Reply::raw(
                b"HTTP/1.1 302 x\r\nConnection: close\r\nContent-Length: 0\r\nLocation: http://\xff\xfe/\r\n\r\n"
                    .to_vec(),
            )
        })
    }),
    refused("redirects to where nobody listens", &["it sends to 127.0.0.1:1", "refused"], |world, request| {
        world.layer(request, |_| redirect("http://127.0.0.1:1/x"))
    }),
    refused("redirects a manifest to a web page", &["web page"], |world, request| {
        let page = Reply::new("200 OK", "Content-Type: text/html; charset=utf-8\r\n", "<html>Sign in</html>");
        let _ = world;
        Some(page).filter(|_| request.path == "/login").or_else(|| of_manifest(request, || redirect("/login")))
    }),
];

/// Manifests, indexes and configs.
pub const DOCUMENTS: &[Case] = &[
    pulled("labels the manifest with a digest nobody can compute", |world, request| {
        let headers = format!("Content-Type: {MANIFEST}\r\nDocker-Content-Digest: md5:00\r\n");
        of_manifest(request, || Reply::new("200 OK", &headers, &world.image.manifest))
    }),
    pulled("calls the manifest any bytes", |world, request| {
        of_manifest(request, || world.image.document(&world.image.manifest, "application/octet-stream"))
    }),
    pulled("calls the manifest by more words", |world, request| {
        of_manifest(request, || world.image.document(&world.image.manifest, &format!("{MANIFEST}; charset=utf-8")))
    }),
    pulled("names the same layer twice", |world, request| {
        let config =
            json!({"os": "linux", "rootfs": {"diff_ids": [digest(&world.image.layer), digest(&world.image.layer)]}})
                .to_string();
        let layer = descriptor(LAYER, &world.image.layer);
        let manifest = good::manifest(&descriptor(CONFIG, config.as_bytes()), &[layer.clone(), layer]);
        if request.path.ends_with(&digest(config.as_bytes())) {
            return Some(part(config.as_bytes(), 0));
        }
        of_manifest(request, || world.image.document(&manifest, MANIFEST))
    }),
    pulled("says where else a layer is", |world, request| {
        let mut layer = descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar", &world.image.layer);
        layer["urls"] = json!([format!("http://{}/blob", world.elsewhere), "http://192.0.2.1/x", "file:///etc/passwd"]);
        of_manifest(request, || with_layer(world, layer.clone()))
    }),
    refused("has a foreign layer only elsewhere", &["has no blobs/sha256:"], |world, request| {
        let mut layer = descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", &world.image.layer);
        layer["urls"] = json!([format!("http://{}/v2/lab/a/blobs/{}", world.elsewhere, digest(&world.image.layer))]);
        world
            .layer(request, |_| Reply::new("404 x", "", ""))
            .or_else(|| of_manifest(request, || with_layer(world, layer.clone())))
    }),
    refused(
        "labels the manifest with another digest",
        &["manifest", "should be sha256:000", "try again, or another mirror"],
        |world, request| {
            let headers = format!("Content-Type: {MANIFEST}\r\nDocker-Content-Digest: sha256:{}\r\n", "0".repeat(64));
            of_manifest(request, || Reply::new("200 OK", &headers, &world.image.manifest))
        },
    ),
    refused(
        "has a manifest for another machine",
        &["the image is for linux/s390x, not for", "--platform"],
        |world, request| {
            let other = Image::of(world.image.layer.clone(), "s390x");
            Some(other.serve(request))
        },
    ),
    refused(
        "has an index without this machine",
        &["has no image for linux/", "only for linux/s390x", "--platform"],
        |world, request| {
            let mut entry = descriptor(MANIFEST, &world.image.manifest);
            entry["platform"] = json!({"os": "linux", "architecture": "s390x"});
            of_manifest(request, || index(json!([entry])))
        },
    ),
    refused("has an index of 10,000 machines", &["linux/m0,", "and 9980 more"], |world, request| {
        let entry = |at: u32| {
            let mut entry = descriptor(MANIFEST, &world.image.manifest);
            entry["platform"] = json!({"os": "linux", "architecture": format!("m{at}")});
            entry
        };
        of_manifest(request, || index((0..10_000).map(entry).collect()))
    }),
    refused("has an empty index", &["only for no machine at all"], |_, request| {
        of_manifest(request, || index(json!([])))
    }),
    refused("has an index of machines that move the cursor", &["linux/\\u{1b}[2J"], |world, request| {
        let mut entry = descriptor(MANIFEST, &world.image.manifest);
        entry["platform"] = json!({"os": "linux", "architecture": "\u{1b}[2J"});
        of_manifest(request, || index(json!([entry])))
    }),
    refused("has an index in an index", &["an index in an index"], |_, request| {
        let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).to_string();
        if request.path.ends_with(&digest(inner.as_bytes())) {
            return Some(Reply::new("200 OK", &format!("Content-Type: {INDEX}\r\n"), inner));
        }
        of_manifest(request, || index(json!([descriptor(INDEX, inner.as_bytes())])))
    }),
    refused("answers to a digest with something else", &["should be sha256:"], |world, request| {
        if request.path.contains("manifests/sha256:") {
            return Some(world.image.document(&world.image.config, MANIFEST));
        }
        of_manifest(request, || index(json!([descriptor(MANIFEST, &world.image.manifest)])))
    }),
    refused("has a manifest without end", &["is larger than", "who made it"], |_, request| {
        let head = Reply::head("200 OK", &format!("Content-Type: {MANIFEST}\r\n"));
        of_manifest(request, || head.clone().then(Then::Repeat(KILOBYTE, Duration::ZERO)))
    }),
    refused("has a manifest of 5 MB", &["manifests/1 of lab/a", "is larger than"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["x"] = json!("x".repeat(5 << 20))))
    }),
    refused("has an image in the oldest format", &["schema 1", "newer tag"], |_, request| {
        let headers = "Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws\r\n";
        of_manifest(request, || Reply::new("200 OK", headers, "{}"))
    }),
    refused("has an image in the oldest format, unsaid", &["schema 1"], |_, request| {
        of_manifest(request, || Reply::new("200 OK", "", r#"{"schemaVersion":1,"fsLayers":[]}"#))
    }),
    refused("has a web page", &["answers with a web page", "login page or proxy"], |_, request| {
        of_manifest(request, || Reply::new("200 OK", "Content-Type: text/html\r\n", "<html>Sign in</html>"))
    }),
    refused("has a web page under a manifest's name", &["manifest cannot be read"], |world, request| {
        of_manifest(request, || world.image.document(b"<html>Sign in</html>", MANIFEST))
    }),
    refused("calls a manifest an index", &["the registry calls the manifest"], |world, request| {
        of_manifest(request, || world.image.document(&world.image.manifest, INDEX))
    }),
    refused("has half a manifest", &["manifest cannot be read"], |world, request| {
        of_manifest(request, || world.image.document(&world.image.manifest[..100], MANIFEST))
    }),
    refused("has a manifest of brackets", &["manifest cannot be read", "recursion"], |world, request| {
        let brackets = format!("{{\"schemaVersion\":2,\"manifests\":{}", "[".repeat(1_000_000));
        of_manifest(request, || world.image.document(brackets.as_bytes(), INDEX))
    }),
    refused("has a chart, no image", &["no container image but"], |world, request| {
        of_manifest(request, || {
            world.image.changed(|manifest| manifest["config"]["mediaType"] = json!("application/vnd.cncf.helm"))
        })
    }),
    refused("names a layer by an unknown algorithm", &["\"md5\" is not supported"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["digest"] = json!("md5:00")))
    }),
    refused("names a layer by a path", &["is not the hexadecimal"], |world, request| {
        let up = format!("sha256:{}", &"../".repeat(30)[..64]);
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["digest"] = json!(up)))
    }),
    refused("has a layer of less than nothing", &["manifest cannot be read"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["size"] = json!(-1)))
    }),
    refused("has a layer larger than any file", &["more than any file can have"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["size"] = json!(u64::MAX)))
    }),
    refused(
        "promises a layer larger than any disk",
        &["should be 9223372036854775807 bytes but is 201"],
        |world, request| {
            of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["size"] = json!(i64::MAX)))
        },
    ),
    refused(
        "promises a layer one byte too short",
        &["blob", "of lab/a at 127.0.0.1", "bytes but is"],
        |world, request| {
            let size = world.image.layer.len() - 1;
            of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["size"] = json!(size)))
        },
    ),
    refused("promises an empty layer", &["should be sha256:"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"][0]["size"] = json!(0)))
    }),
    refused("promises a config of 9 MB", &["the config sha256:", "is larger than"], |world, request| {
        of_manifest(request, || world.image.changed(|manifest| manifest["config"]["size"] = json!(9 << 20)))
    }),
    refused("names 10,000 layers", &["has 10000 layers, overlayfs stacks at most 500"], |world, request| {
        let layers: Vec<_> = (0..10_000u32).map(|at| descriptor(LAYER, &at.to_le_bytes())).collect();
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"] = json!(layers)))
    }),
    refused("names more layers than the config", &["names 2 layers, the config promises 1"], |world, request| {
        let layer = descriptor(LAYER, &world.image.layer);
        of_manifest(request, || world.image.changed(|manifest| manifest["layers"] = json!([layer, layer])))
    }),
    refused("has a layer of an unknown kind", &["of the unknown kind \"text/plain\""], |world, request| {
        of_manifest(request, || with_layer(world, descriptor("text/plain", &world.image.layer)))
    }),
    refused("has a config that is none", &["config", "expected"], |world, request| {
        let config = b"<html>";
        if request.path.ends_with(&digest(config)) {
            return Some(part(config, 0));
        }
        of_manifest(request, || world.image.changed(|manifest| manifest["config"] = descriptor(CONFIG, config)))
    }),
];

/// Bodies and headers on the wire.
pub const WIRES: &[Case] = &[
    pulled("calls a blob packed that is not", |world, request| {
        world.layer(request, |layer| Reply::new("200 OK", "Content-Encoding: gzip\r\n", layer))
    }),
    pulled("sends a blob in chunks", |world, request| {
        world.layer(request, |layer| {
            let (first, rest) = layer.split_at(1000);
            let head = chunked("200 OK", "3e8;x=y\r\n").and(first);
            head.and(format!("\r\n{:x}\r\n", rest.len())).and(rest).and("\r\n0\r\n\r\n")
        })
    }),
    pulled("sends garbage after the last byte", |world, request| {
        world.layer(request, |layer| Reply::new("200 OK", "", layer).and("HTTP/1.1 garbage"))
    }),
    refused(
        "has one bit of a layer wrong",
        &["blob", "of lab/a at 127.0.0.1", "should be sha256:"],
        |world, request| {
            world.layer(request, |layer| {
                let mut layer = layer.to_vec();
                layer[5000] ^= 1;
                part(&layer, 0)
            })
        },
    ),
    refused("packs a blob on the way", &["bytes but is 22", "try again"], |world, request| {
        world.layer(request, |_| Reply::new("200 OK", "Content-Encoding: gzip\r\n", "\x1f\u{8b} not the blob at al"))
    }),
    refused("has a blob without end", &["should be 201", "bytes but is"], |world, request| {
        world.layer(request, |_| Reply::head("200 OK", "").then(Then::Repeat(KILOBYTE, Duration::ZERO)))
    }),
    refused("has a blob of chunks without end", &["bytes but is"], |world, request| {
        world.layer(request, |_| chunked("200 OK", "").then(Then::Repeat(b"8\r\nabcdefgh\r\n", Duration::ZERO)))
    }),
    refused("has chunks of garbage", &["broke: "], |world, request| {
        world.layer(request, |_| chunked("200 OK", "zz\r\n\x01\x02\x03\r\n"))
    }),
    refused("has a chunk longer than all memory", &["broke: "], |world, request| {
        world.layer(request, |_| chunked("200 OK", "ffffffffffffffff\r\nxx"))
    }),
    refused("promises less than it sends", &["bytes but is 1000"], |world, request| {
        world.layer(request, |layer| Reply::head("200 OK", "Content-Length: 1000\r\n").and(layer))
    }),
    refused("promises more than it sends", &["bytes but is 999999"], |world, request| {
        world.layer(request, |layer| Reply::head("200 OK", "Content-Length: 999999\r\n").and(layer))
    }),
    refused("promises a length that is no number", &["127.0.0.1"], |world, request| {
        world.layer(request, |layer| Reply::head("200 OK", "Content-Length: many\r\n").and(&layer[..100]))
    }),
    refused("promises a length below zero", &["127.0.0.1"], |world, request| {
        world.layer(request, |layer| Reply::head("200 OK", "Content-Length: -1\r\n").and(&layer[..100]))
    }),
    refused("promises two lengths", &["127.0.0.1"], |world, request| {
        world.layer(request, |layer| {
            Reply::head("200 OK", "Content-Length: 7\r\nContent-Length: 9\r\n").and(&layer[..9])
        })
    }),
    refused("has an empty layer", &["bytes but is 0"], |world, request| {
        world.layer(request, |_| Reply::new("200 OK", "", ""))
    }),
    refused("is no web server", &["does not speak the registry protocol"], |_, request| {
        Some(Reply::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n")).filter(|_| request.path == "/v2/")
    }),
    refused("speaks of a web before versions", &["127.0.0.1"], |_, request| {
        of_manifest(request, || Reply::raw("<html>\r\n\r\n"))
    }),
    refused("has a header of a megabyte", &["does not speak", "headers"], |_, request| {
        of_manifest(request, || Reply::new("200 OK", &format!("X: {}\r\n", "x".repeat(1 << 20)), "{}"))
    }),
    refused("has 10,000 headers", &["does not speak"], |_, request| {
        of_manifest(request, || Reply::new("200 OK", &"X: y\r\n".repeat(10_000), "{}"))
    }),
    refused("has headers without end", &["does not speak"], |_, request| {
        of_manifest(request, || {
            Reply::raw("HTTP/1.1 200 OK\r\n")
                .then(Then::Repeat(b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", Duration::ZERO))
        })
    }),
    refused("has a status line without end", &["does not speak"], |_, request| {
        of_manifest(request, || Reply::raw("HTTP/1.1 200 ").then(Then::Repeat(KILOBYTE, Duration::ZERO)))
    }),
    refused("has a header that is no text", &["127.0.0.1"], |_, request| {
        of_manifest(request, || Reply::new("200 OK", "X: \0\x01\r\n", "{}"))
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

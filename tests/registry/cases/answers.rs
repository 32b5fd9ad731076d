//! Answers that are no yes, that lead elsewhere, or whose bytes lie.

use super::super::server::{Reply, Then};
use super::{Case, KILOBYTE, chunked, of_manifest, part, pulled, redirect, refused};
use std::time::Duration;

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

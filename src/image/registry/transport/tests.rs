//! What a well-behaved registry never does.

use std::net::TcpListener;

use proptest::prelude::*;

use super::*;
use crate::image::registry::error::Unreached;
use crate::image::registry::tests::{ok, serve};

fn transport() -> Transport {
    Transport::new(Patience::default(), None, Vec::new()).unwrap()
}

#[test]
fn a_login_does_not_travel_with_a_redirect() {
    let (storage, storage_server) = serve(vec![ok("blob")]);
    let redirect = format!(
        "HTTP/1.1 307 x\r\nLocation: {storage}/b?signature=secret\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let (registry, registry_server) = serve(vec![redirect]);
    let transport = transport();
    let ask = Ask {
        authorization: Some("Bearer token".into()),
        headers: vec![("range", "bytes=1-".into())],
        ..Ask::get(format!("{registry}/v2/"))
    };
    let body = transport.send(&ask).unwrap().bytes(100).unwrap().unwrap();
    assert_eq!(body, b"blob");
    let (first, second) = (registry_server.join().unwrap().remove(0), storage_server.join().unwrap().remove(0));
    assert!(first.to_lowercase().contains("authorization: bearer token"), "{first}");
    assert!(!second.to_lowercase().contains("authorization"), "{second}");
    assert!(second.to_lowercase().contains("range: bytes=1-"), "{second}");
    let log = format!("{:?}", transport.take_log());
    assert!(!log.contains("secret") && !log.contains("token"), "{log}");
    assert!(log.contains("bytes: 4"), "{log}");
}

#[test]
fn redirects_end_somewhere() {
    let again = |_| "HTTP/1.1 302 x\r\nLocation: /v2/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned();
    let (registry, _server) = serve((0..=MAX_REDIRECTS).map(again).collect());
    let transport = transport();
    let result = transport.send(&Ask::get(format!("{registry}/v2/")));
    assert!(matches!(result, Err(Wire::Protocol("it redirects without end"))));
}

#[test]
fn secure_connections_do_not_redirect_to_open_ones() {
    let transport = transport();
    let redirect = |to: &str| transport.redirect("https://r.example/v2/x", to);
    assert!(redirect("http://storage.example/x").is_err());
    assert!(redirect("ftp://storage.example/x").is_err());
    assert_eq!(redirect("https://storage.example/x").unwrap(), "https://storage.example/x");
    assert_eq!(redirect("/y?z").unwrap(), "https://r.example/y?z");
}

#[test]
fn a_stranger_does_not_lead_to_this_machine() {
    let transport = Transport::new(Patience::default(), None, vec!["plain.example".into()]).unwrap();
    let from = |from: &str, to: &str| transport.redirect(from, to);
    for to in ["http://127.0.0.1:2375/x", "https://localhost/x", "http://[::1]:80/x"] {
        let refused = from("https://r.example/v2/x", to);
        assert!(matches!(refused, Err(Wire::Protocol("it redirects to this machine itself"))), "{to}: {refused:?}");
        assert!(from("http://plain.example/v2/x", to).is_err(), "{to}");
        assert!(from("http://127.0.0.1:5000/v2/x", to).is_ok(), "{to}");
    }
    assert!(
        from("https://r.example/v2/x", "http://127.0.0.1:80@evil.example/x").is_err(),
        "it only looks like loopback"
    );
    assert!(from("https://r.example/v2/x", "http://plain.example/x").is_ok(), "the user said so");
}

proptest! {
    #[test]
    fn redirects_never_panic_and_never_leave_http(to in "\\PC{0,40}|(https?|ftp|file)://\\PC{0,30}") {
        if let Ok(target) = transport().redirect("https://r.example/v2/x", &to) {
            prop_assert!(target.starts_with("https://"), "{}", target);
            prop_assert!(authority(&target).is_some_and(|host| !host.contains('@') && !host.is_empty()), "{}", target);
        }
    }
}

#[test]
fn nobody_there_is_told_from_somebody_who_is_odd() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let transport = transport();
    let ask = |url: String| Ask { knocks: true, ..Ask::get(url) };
    let refused = transport.send(&ask(format!("http://{closed}/v2/"))).err().unwrap();
    assert!(matches!(refused, Wire::Unreached(Unreached::Refused)), "{refused:?}");
    let nameless = transport.send(&ask("https://registry.invalid/v2/".into())).err().unwrap();
    assert!(matches!(nameless, Wire::Unreached(_)), "{nameless:?}");
    let (odd, _server) = serve(vec!["SSH-2.0-OpenSSH_9.2\r\n".into()]);
    let odd = transport.send(&ask(format!("{odd}/v2/"))).err().unwrap();
    assert!(matches!(odd, Wire::Protocol(_) | Wire::Broken(_)), "{odd:?}");
    assert_eq!(transport.take_log().len(), 3);
}

#[test]
fn a_host_that_stays_silent_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let patience = Patience { reach: Duration::from_millis(300), ..Patience::default() };
    let transport = Transport::new(patience, None, Vec::new()).unwrap();
    let began = Instant::now();
    let ask = Ask { knocks: true, ..Ask::get(format!("http://{}/v2/", listener.local_addr().unwrap())) };
    let silent = transport.send(&ask).err().unwrap();
    assert!(matches!(silent, Wire::Unreached(Unreached::TimedOut(_))), "{silent:?}");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_body_beyond_the_limit_is_not_read() {
    let (registry, _server) = serve(vec![ok("12345")]);
    let transport = transport();
    assert_eq!(transport.send(&Ask::get(format!("{registry}/"))).unwrap().bytes(4).unwrap(), None);
}

//! A server of a few lines, for what a real registry cannot be made to do on demand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;

/// Answers each connection with the next of some texts, in which SELF is its own address, and returns the requests.
pub fn serve(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let own = address.clone();
    let server = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while reader.read_line(&mut request).unwrap() > 2 {}
            let length =
                request.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            reader.take(length.unwrap_or(0)).read_to_string(&mut request).unwrap();
            stream.write_all(answer.replace("SELF", &own).as_bytes()).unwrap();
            requests.push(request);
        }
        requests
    });
    (address, server)
}

/// A good answer.
pub fn ok(body: &str) -> String {
    answer("200 OK", "", body)
}

/// Any answer.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

/// A repository at a server, not knocked at.
pub fn source(address: &str) -> Source {
    let host = address.trim_start_matches("http://").to_owned();
    Source { base: address.to_owned(), host, repository: "lab/a".into(), mirror_of: None }
}

fn logins(address: &str, login: &str) -> Logins {
    let host = address.trim_start_matches("http://");
    serde_json::from_str(&format!(r#"{{"auths":{{"{host}":{login}}}}}"#)).unwrap()
}

fn challenge() -> String {
    answer("401 x", "WWW-Authenticate: Bearer realm=\"SELF/token\",service=\"lab\"\r\n", "")
}

fn token(value: &str) -> String {
    ok(&format!(r#"{{"token":"{value}","expires_in":300}}"#))
}

fn fetch(client: &Client, source: &Source) -> Vec<u8> {
    client.get(source, "blobs/x", &[]).unwrap().bytes(100).unwrap().unwrap()
}

#[test]
fn a_token_is_bought_once_and_again_when_it_has_run_out() {
    let expired = answer("401 x", "WWW-Authenticate: Bearer realm=\"SELF/token\",service=\"lab\"\r\n", "");
    let answers = vec![challenge(), token("one"), ok("a"), ok("b"), expired, token("two"), ok("c")];
    let (address, server) = serve(answers);
    let settings = Settings { logins: logins(&address, r#"{"username":"u","password":"p"}"#), ..Settings::default() };
    let client = Client::new(settings).unwrap();
    let source = source(&address);
    let bodies: Vec<Vec<u8>> = (0..3).map(|_| fetch(&client, &source)).collect();
    assert_eq!(bodies, [b"a", b"b", b"c"]);
    let requests = server.join().unwrap();
    let authorization = |at: usize| {
        let lower = requests[at].lines().find(|line| line.to_lowercase().starts_with("authorization: "));
        lower.map(|line| line["authorization: ".len()..].to_owned())
    };
    assert_eq!(authorization(0), None);
    assert!(requests[1].starts_with("GET /token?service=lab&scope=repository:lab/a:pull "), "{}", requests[1]);
    assert_eq!(authorization(1).as_deref(), Some("Basic dTpw"));
    assert_eq!(authorization(2).as_deref(), Some("Bearer one"));
    assert_eq!(authorization(3).as_deref(), Some("Bearer one"));
    assert_eq!(authorization(6).as_deref(), Some("Bearer two"));
    let told = format!("{:?} {client:?}", client.take_exchanges());
    assert!(!told.contains("dTpw") && !told.contains("one\"") && !told.contains("Bearer two"), "{told}");
}

#[test]
fn an_identity_token_is_sent_in_a_form_and_never_in_an_address() {
    let (address, server) = serve(vec![challenge(), token("t"), ok("a")]);
    let logins = logins(&address, r#"{"identitytoken":"secret"}"#);
    let client = Client::new(Settings { logins, ..Settings::default() }).unwrap();
    assert_eq!(fetch(&client, &source(&address)), b"a");
    let request = server.join().unwrap().remove(1);
    assert!(request.starts_with("POST /token "), "{request}");
    assert!(request.ends_with("grant_type=refresh_token&client_id=rlab&refresh_token=secret"), "{request}");
    assert!(!format!("{:?}", client.take_exchanges()).contains("secret"));
}

#[test]
fn a_server_out_of_breath_is_asked_again_when_it_says() {
    let busy = answer("429 x", "Retry-After: 0\r\n", "");
    let (address, _server) = serve(vec![busy, answer("503 x", "Retry-After: 0\r\n", ""), String::new(), ok("a")]);
    let client = Client::new(Settings::default()).unwrap();
    assert_eq!(fetch(&client, &source(&address)), b"a");
    let statuses: Vec<_> = client.take_exchanges().into_iter().map(|one| one.status).collect();
    assert_eq!(statuses, [Some(429), Some(503), None, Some(200)]);
}

#[test]
fn a_server_that_asks_for_too_much_patience_is_left() {
    let (address, _server) = serve(vec![answer("429 x", "Retry-After: 3600\r\n", "")]);
    let client = Client::new(Settings::default()).unwrap();
    let error = client.get(&source(&address), "blobs/x", &[]).err().unwrap();
    assert!(matches!(error, Error::RateLimited { after, .. } if after == Duration::from_secs(3600)), "{error}");
}

#[test]
fn refusals_are_told_apart_and_in_the_registrys_words() {
    let words = r#"{"errors":[{"code":"DENIED","message":"not \u001b[31myou"}]}"#;
    let (address, _server) =
        serve(vec![answer("403 x", "", words), answer("404 x", "", ""), answer("418 x", "", words)]);
    let client = Client::new(Settings::default()).unwrap();
    let error = || client.get(&source(&address), "manifests/1", &[]).err().unwrap();
    assert!(matches!(error(), Error::Denied { message, .. } if message == "not [31myou"));
    assert!(matches!(error(), Error::NotFound { what, .. } if what == "lab/a:1"));
    assert!(matches!(error(), Error::Refused { status: 418, .. }));
}

#[test]
fn a_port_that_speaks_no_registry_is_not_unreachable() {
    let (address, _server) = serve(vec![answer("404 x", "", "<html>")]);
    let client = Client::new(Settings::default()).unwrap();
    let reference = format!("{}/lab/a", address.trim_start_matches("http://")).parse().unwrap();
    let endpoint = client.hosts().endpoints(&reference).unwrap().remove(0);
    let error = client.connect(&endpoint, "lab/a").unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }) && !error.is_unreachable(), "{error}");
}

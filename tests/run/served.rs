//! A web server inside, asked from outside.

use crate::harness::lab::lab;
use crate::harness::web::{free_port, host_address, http_get, http_get_once_up};
use nix::sys::signal::Signal;
use std::net::SocketAddr;

#[test]
fn a_served_page_is_seen_and_a_signal_ends_it_without_a_trace() {
    let lab = lab!();
    let port = free_port();
    let published = format!("{port}:80");
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let server = lab.start(&["run", "--rm", "-p", &published, "--explain", "lab", "httpd", "-p", "80", "hello"]);
        let page = http_get_once_up(SocketAddr::from(([127, 0, 0, 1], port)), "/", super::streams::SOON);
        assert!(page.status == 200 && page.body.contains("hello"), "{page:?}");
        if let Some(address) = host_address() {
            let page = http_get(SocketAddr::from((address, port)), "/").unwrap();
            assert!(page.body.contains("hello"), "{page:?}");
        }
        assert_ne!(lab.left(), "", "a running container shows on the host");
        server.signal(signal);
        server.wait(super::streams::SOON).succeeded().told(" stop ").told(" teardown ");
        lab.assert_restored();
    }
}

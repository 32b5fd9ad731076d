//! The main job in a machine: a server's image from a real registry, its answer over a published port, and an end that
//! leaves nothing.

use super::machines::{SOON, machines, share_kernels};
use crate::harness::Rlab;
use crate::harness::host::Inventory;
use crate::harness::terminal::CTRL_C;
use crate::harness::web::{free_port, http_get_once_up};
use crate::nginx::{PAGE, image, need_nginx, ping, redis_layout, registry_with};
use crate::registry::Registry;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

#[test]
fn nginx_from_a_registry_serves_until_ctrl_c() {
    let layout = need_nginx!();
    let machines = machines!(alone);
    // A root of its own: an image that comes would be left in the shared one.
    let (registry, machines, _turn) = (registry_with(layout, false), Rlab::new(), machines);
    share_kernels(&machines);
    let image = image(&registry);
    machines.run(&["pull", &image]).succeeded();
    // The first machine of this image makes its disk, which stays.
    machines.run(&["vm", "run", "--network", "none", &image, "nginx", "-v"]).succeeded().told("nginx version: nginx/");
    let (before, port) = (Inventory::take(&[&machines.root()]), free_port());
    let publish = format!("{port}:80");
    let mut terminal = machines.terminal(&["vm", "run", "-p", &publish, "--explain", &image]);
    terminal.wait_for(&format!("http://localhost:{port}"), SOON);
    for _ in 0..3 {
        let answer = http_get_once_up(([127, 0, 0, 1], port).into(), "/", SOON);
        assert!(answer.status == 200 && answer.body.contains(PAGE), "{answer:?}");
    }
    terminal.type_in(CTRL_C);
    let (status, text) = (terminal.wait(SOON), terminal.text());
    // Its own status after SIGINT: nginx ends well.
    assert!(status.success(), "{status}\n{text}");
    for stage in ["resolve", "unpack", "kernel", "disk", "machine", "firmware", "boot", "guest_init", "power_off"] {
        assert!(text.contains(&format!(" {stage} ──")), "{stage} is not told\n{text}");
    }
    before.assert_restored();
    std::net::TcpStream::connect(("127.0.0.1", port)).expect_err("nobody listens any more");
}

#[test]
fn redis_from_a_registry_answers_until_it_is_asked_to_end() {
    let _layout = need_nginx!();
    let machines = machines!(beside_others);
    let layout = match redis_layout() {
        Ok(layout) => layout,
        Err(reason) => return crate::skip::aloud(reason),
    };
    let registry = Registry::start(false);
    registry.push(layout, "latest", "library/redis");
    let image = image(&registry).replace("nginx", "redis");
    let port = free_port();
    let mut running = machines.start(&["vm", "run", "-p", &format!("{port}:6379"), &image]);
    let until = Instant::now() + SOON;
    let answer = loop {
        if let Ok(answer) = ping(port) {
            break answer;
        }
        assert!(!running.has_ended() && Instant::now() < until, "no answer: {}", running.wait(SOON));
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(answer, "+PONG\r\n");
    running.signal(Signal::SIGTERM);
    running.wait(SOON).succeeded();
}

//! The guest's network: what it reaches, what reaches it, and ports that can't be had.

use super::machines::{Machines, SOON, machines};
use crate::harness::web::{free_port, http_get_once_up};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};

/// A page on the host's loopback, served once.
fn page(text: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _request = stream.read(&mut [0; 1024]).unwrap();
        write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()).unwrap();
    });
    port
}

#[test]
fn the_guest_reaches_the_host_by_number_and_by_name() {
    let machines = machines!(beside_others);
    let ports = [page("by its number"), page("by its name")];
    let flags = ["--add-host", "box:10.0.2.2", "--dns", "192.0.2.53", "--dns-search", "example.org", "-h", "guest1"];
    let line = format!(
        "get http://10.0.2.2:{}/; get http://box:{}/; ip addr; cat /etc/hosts; cat /etc/resolv.conf; ip route",
        ports[0], ports[1]
    );
    let output = machines.shell(&[&["--network", "user"], &flags[..]].concat(), &line).succeeded();
    for part in ["by its number", "by its name", "10.0.2.15/24", "\n10.0.2.2\tbox", "\n10.0.2.15\tguest1"] {
        assert!(output.stdout.contains(part), "no {part:?}\n{output}");
    }
    assert!(
        output.stdout.contains("nameserver 192.0.2.53\n") && output.stdout.contains("search example.org"),
        "{output}"
    );
    // QEMU's own name server, where nobody named another.
    let line = "cat /etc/resolv.conf";
    machines.shell(&["--network", "user"], line).succeeded().wrote("nameserver 10.0.2.3");
}

#[test]
fn without_a_network_there_is_no_card() {
    let machines = machines!(beside_others);
    let output = machines.shell(&["--network", "none"], "ls /sys/class/net; cat /etc/resolv.conf").succeeded();
    assert_eq!(output.stdout.lines().next(), Some("lo"), "{output}");
    assert!(!output.stdout.contains("eth0"), "{output}");
}

#[test]
fn ports_are_published_one_by_one_in_ranges_and_wherever_there_is_room() {
    let machines = machines!(alone);
    let (first, udp) = (two_free_ports(), free_port());
    let range = format!("127.0.0.1:{first}-{}:80-81", first + 1);
    let datagrams = format!("{udp}:9/udp");
    let trace = machines.folder().join("ports.jsonl");
    let flags = ["-p", &range, "-p", "81", "-p", &datagrams, "--trace-out", trace.to_str().unwrap()];
    let running = machines.start_tool(&flags, &["sh", "-c", "httpd -p 81 second & httpd -p 80 first"]);
    for (port, text) in [(first, "first"), (first + 1, "second")] {
        let answer = http_get_once_up(([127, 0, 0, 1], port).into(), "/", SOON);
        assert!(answer.body.contains(text), "{answer:?}");
    }
    UdpSocket::bind(("0.0.0.0", udp)).expect_err("QEMU listens for datagrams");
    running.wait_for_stdout("listens on port 80", SOON);
    let told = std::fs::read_to_string(&trace).unwrap();
    let rule = told.split("hostfwd=tcp:0.0.0.0:").nth(1).unwrap_or_else(|| panic!("no port was chosen\n{told}"));
    let chosen: u16 = rule.split('-').next().unwrap().parse().unwrap();
    let answer = http_get_once_up(([127, 0, 0, 1], chosen).into(), "/", SOON);
    assert!(answer.body.contains("second"), "{answer:?}");
    running.signal(Signal::SIGTERM);
    running.wait(SOON);
}

/// The first of two neighbours that nobody listens at.
fn two_free_ports() -> u16 {
    (0..100).map(|_| (free_port(), free_port())).find(|(one, other)| one + 1 == *other).unwrap().0
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_left() {
    let machines = machines!(alone);
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let datagrams = UdpSocket::bind("0.0.0.0:0").unwrap();
    let udp = datagrams.local_addr().unwrap().port();
    for (publish, named) in [(format!("{port}:80"), format!("{port}")), (format!("{udp}:9/udp"), format!("{udp}"))] {
        for explain in [&[][..], &["--explain"]] {
            let flags = [&["-p", &publish], explain].concat();
            let output = machines.run(&Machines::arguments(&flags, &["true"])).ended_with(125).wrote("");
            let error = output.stderr.split("rlab: ").nth(1).unwrap_or_else(|| panic!("no error\n{output}"));
            assert!(error.contains(&named) && error.contains("try: "), "{output}");
            machines.assert_restored();
        }
    }
}

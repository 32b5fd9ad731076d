//! The network namespace of a process, as its own /proc/PID/net shows it.
//!
//! Source: proc_pid_net(5). The numbers in /proc/net/tcp are hexadecimal; state 0A is a socket that listens.

use serde_json::{Value, json};
use std::fs;

const LISTEN: &str = "0A";

/// `links`, `tcp_listening`, `route_count`.
pub fn of(pid: i32) -> Value {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/net/{name}")).unwrap_or_default();
    let mut ports: Vec<u16> = listening(&read("tcp")).chain(listening(&read("tcp6"))).collect();
    ports.sort_unstable();
    ports.dedup();
    json!({
        "links": links(&read("dev")),
        "tcp_listening": ports,
        "route_count": read("route").lines().count().saturating_sub(1),
    })
}

fn links(dev: &str) -> Vec<&str> {
    dev.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim())).collect()
}

fn listening(table: &str) -> impl Iterator<Item = u16> {
    table.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = u16::from_str_radix(fields.get(1)?.rsplit(':').next()?, 16).ok()?;
        (fields.get(3) == Some(&LISTEN)).then_some(port)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_that_listen_count() {
        let table = "  sl  local_address rem_address   st\n\
            0: 00000000:1F90 00000000:0000 0A 0 0\n   1: 0100007F:0050 0100007F:1234 01 0 0\n";
        assert_eq!(listening(table).collect::<Vec<_>>(), [8080]);
        assert_eq!(links("Inter-|\n face |\n    lo: 1 2\n  eth0:3 4\n"), ["lo", "eth0"]);
    }
}

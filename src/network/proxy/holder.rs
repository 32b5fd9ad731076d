//! Who has a port already: the socket's inode from /proc/net, and the process with a descriptor of it.

use super::super::ports::Protocol;
use std::path::Path;

/// The holder, as `nginx (process 812)`. None when it can't be found out.
pub fn find(port: u16, protocol: Protocol) -> Option<String> {
    let tables = match protocol {
        Protocol::Tcp => ["tcp", "tcp6"],
        Protocol::Udp => ["udp", "udp6"],
    };
    // The calling thread's namespace: /proc/net is that of the process's first thread.
    let read = |table: &str| std::fs::read_to_string(format!("/proc/thread-self/net/{table}")).ok();
    let inode = tables.iter().filter_map(|table| socket_inode(&read(table)?, port)).next()?;
    let (pid, name) = process_with(&format!("socket:[{inode}]"))?;
    Some(format!("{name} (process {pid})"))
}

/// The inode of a socket that waits on a port, from the text of /proc/net/tcp or udp, see proc(5).
fn socket_inode(table: &str, port: u16) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
        // 0A is a listening TCP socket, 07 a UDP one that is not connected.
        let waits = matches!(*fields.get(3)?, "0A" | "07");
        (waits && u16::from_str_radix(local_port, 16).ok()? == port).then(|| fields.get(9)?.parse().ok()).flatten()
    })
}

fn process_with(socket: &str) -> Option<(u32, String)> {
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let holds = std::fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        let found = holds.into_iter().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == Path::new(socket)));
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        found.then(|| (pid, name.trim().to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
        0: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 5554 1 0 20 4 30 10 -1\n   \
        1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5555 1 0 100 0 0 10 0\n";

    #[test]
    fn the_listening_socket_is_found_not_a_connection() {
        assert_eq!(socket_inode(TABLE, 8080), Some(5555));
        assert_eq!(socket_inode(TABLE, 80), None);
    }

    #[test]
    fn this_very_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = find(listener.local_addr().unwrap().port(), Protocol::Tcp).unwrap();
        assert!(holder.ends_with(&format!("(process {})", std::process::id())), "{holder}");
    }

    proptest! {
        #[test]
        fn no_table_makes_it_panic(text in "[0-9A-F: \n]{0,200}", port: u16) {
            let _any = socket_inode(&text, port);
        }
    }
}

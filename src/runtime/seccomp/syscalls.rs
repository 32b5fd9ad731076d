//! Names to numbers. The numbers are each ABI's own and never change; the names are what profiles are written in.
//!
//! The table is `syscalls.txt` beside this file (Linux 6.18), generated from the kernel's headers and tested against
//! those of the machine, so that a filter depends neither on the libc nor on the headers of the machine it was built
//! on.

use std::sync::LazyLock;

use super::abi::Abi;

/// A line of the table; the numbers are in the order of [`column`].
struct Syscall {
    name: &'static str,
    numbers: [Option<u32>; 4],
}

static TABLE: LazyLock<Vec<Syscall>> =
    LazyLock::new(|| include_str!("syscalls.txt").lines().filter_map(parse).collect());

fn parse(line: &'static str) -> Option<Syscall> {
    let mut words = line.split(' ');
    let name = words.next().filter(|name| !name.starts_with('#'))?;
    let mut numbers = [None; 4];
    for number in &mut numbers {
        *number = words.next()?.parse().ok();
    }
    Some(Syscall { name, numbers })
}

fn column(abi: Abi) -> usize {
    match abi {
        Abi::X86_64 => 0,
        Abi::I386 => 1,
        Abi::X32 => 2,
        Abi::Aarch64 => 3,
    }
}

/// The number of `name` in the table of `abi`, without x32's bit. `None` for a name that this ABI does not have, as
/// profiles list every architecture's.
pub(super) fn number(name: &str, abi: Abi) -> Option<u32> {
    let index = TABLE.binary_search_by(|syscall| syscall.name.cmp(name)).ok()?;
    TABLE[index].numbers[column(abi)]
}

/// The name of `number` in the table of `abi`.
pub(super) fn name(number: u32, abi: Abi) -> Option<&'static str> {
    TABLE.iter().find(|syscall| syscall.numbers[column(abi)] == Some(number)).map(|syscall| syscall.name)
}

/// Which part of i386's `socketcall` or `ipc` does the work of `name`: the syscall, its first argument, and the bits
/// of it that the kernel reads.
///
/// Older i386 programs reach `socket` only through `socketcall(1, …)`. A filter that refused `socket` alone would
/// leave that door open.
pub(super) fn i386_multiplexed(name: &str) -> Option<(&'static str, u64, u64)> {
    const SOCKETCALL: [&str; 20] = [
        "socket",
        "bind",
        "connect",
        "listen",
        "accept",
        "getsockname",
        "getpeername",
        "socketpair",
        "send",
        "recv",
        "sendto",
        "recvfrom",
        "shutdown",
        "setsockopt",
        "getsockopt",
        "sendmsg",
        "recvmsg",
        "accept4",
        "recvmmsg",
        "sendmmsg",
    ];
    const IPC: [(&str, u64); 12] = [
        ("semop", 1),
        ("semget", 2),
        ("semctl", 3),
        ("semtimedop", 4),
        ("msgsnd", 11),
        ("msgrcv", 12),
        ("msgget", 13),
        ("msgctl", 14),
        ("shmat", 21),
        ("shmdt", 22),
        ("shmget", 23),
        ("shmctl", 24),
    ];
    if let Some(index) = SOCKETCALL.iter().position(|call| *call == name) {
        return Some(("socketcall", index as u64 + 1, 0xffff_ffff));
    }
    // ipc's upper 16 bits are a version, which the kernel cuts off before it looks at the call.
    IPC.iter().find(|(call, _)| *call == name).map(|(_, call)| ("ipc", *call, 0xffff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_sorted() {
        let lines = include_str!("syscalls.txt").lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(TABLE.len(), lines);
        assert!(TABLE.is_sorted_by(|a, b| a.name < b.name));
        assert!(TABLE.iter().all(|syscall| syscall.numbers.iter().any(Option::is_some)), "a number that is no number");
    }

    #[test]
    fn numbers_are_each_abis_own() {
        assert_eq!(
            [Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64].map(|abi| number("ioctl", abi)),
            [Some(16), Some(54), Some(514), Some(29)]
        );
        assert_eq!(number("socketcall", Abi::X86_64), None);
        assert_eq!(number("no_such_syscall", Abi::X86_64), None);
        assert_eq!(name(40, Abi::I386), Some("rmdir"));
        assert_eq!(name(40, Abi::X86_64), Some("sendfile"));
    }

    /// Reads the headers of this machine; what a newer kernel added after the table's last number is not compared.
    #[test]
    fn numbers_agree_with_the_kernels_headers() {
        let mut compared = 0;
        for (file, abi) in [("unistd_64.h", Abi::X86_64), ("unistd_32.h", Abi::I386), ("unistd_x32.h", Abi::X32)] {
            let Ok(header) = std::fs::read_to_string(format!("/usr/include/x86_64-linux-gnu/asm/{file}")) else {
                crate::skip::aloud(format!("no kernel header {file}: apt install linux-libc-dev"));
                continue;
            };
            for line in header.lines() {
                let Some(definition) = line.strip_prefix("#define __NR_") else { continue };
                let Some((name, value)) = definition.split_once(' ') else { continue };
                let value = value.trim_start_matches("(__X32_SYSCALL_BIT + ").trim_end_matches(')').trim();
                let Ok(expected) = value.parse::<u32>() else { continue };
                if expected <= 469 || abi == Abi::X32 {
                    assert_eq!(number(name, abi), Some(expected), "{name} in {file}");
                    compared += 1;
                }
            }
        }
        assert!(compared == 0 || compared > 1000, "only {compared} numbers were compared");
    }
}

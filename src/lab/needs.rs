//! What a lab takes, and whether this host has it.

use crate::cgroup::Layout;
use crate::sys;
use std::path::Path;

/// What is missing, and how to get it; nothing when all is there.
pub fn missing(needs: &[String]) -> Option<(String, String)> {
    let lacking: Vec<(String, String)> = needs.iter().filter_map(|need| lack(need)).collect();
    let (what, how): (Vec<String>, Vec<String>) = lacking.into_iter().unzip();
    (!what.is_empty()).then(|| (what.join(", "), how.join("; ")))
}

fn lack(need: &str) -> Option<(String, String)> {
    let layout = || Layout::detect().map(|layout| layout.name()).unwrap_or("no");
    let said = |what: &str, how: &str| Some((what.to_owned(), how.to_owned()));
    match need {
        "root" if sys::geteuid() != 0 => said("root", "run it with sudo"),
        "nft" if program("nft") || program("ip") => said("nft or ip", "apt install nftables iproute2"),
        "kvm" if !Path::new("/dev/kvm").exists() => {
            said("/dev/kvm", "a host with virtualization switched on; the lab's page shows what it would do")
        }
        "qemu" if program(&format!("qemu-system-{}", std::env::consts::ARCH)) || program("mke2fs") => {
            let qemu = if std::env::consts::ARCH == "x86_64" { "qemu-system-x86" } else { "qemu-system-arm" };
            said("QEMU or mke2fs", &format!("apt install {qemu} e2fsprogs"))
        }
        "v1" | "v2" | "hybrid" if layout() != need => {
            let what = format!("control groups {need} (here: {})", layout());
            Some((what, "another host: the layout is chosen when it boots".to_owned()))
        }
        "root" | "nft" | "kvm" | "qemu" | "v1" | "v2" | "hybrid" => None,
        name if program(name) => said(&format!("the program {name}"), &format!("apt install {}", package(name))),
        _ => None,
    }
}

/// Debian's package of a program, where it has another name.
fn package(program: &str) -> &str {
    match program {
        "ip" => "iproute2",
        "nft" => "nftables",
        "nsenter" | "unshare" => "util-linux",
        "ping" => "iputils-ping",
        "ps" | "pgrep" => "procps",
        "man" => "man-db",
        same => same,
    }
}

/// Whether a program is missing.
fn program(name: &str) -> bool {
    sys::find_program(name).is_none()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_missing_is_named_with_the_way_to_get_it() {
        let (what, how) = super::missing(&["sh".to_owned(), "no-such-program".to_owned()]).unwrap();
        assert_eq!((what.as_str(), how.as_str()), ("the program no-such-program", "apt install no-such-program"));
        assert_eq!(super::missing(&["sh".to_owned()]), None);
    }
}

//! `ip`: interfaces, addresses and routes of this network namespace, a line each.
//!
//! Interfaces are asked by netlink, so the list is true even where /sys shows another namespace's.
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;

use super::error::At;
use super::table::{self, Align};
use super::{Error, Result};
use crate::sys::tool::{Interface, interfaces};

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let words: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    // `-br` is the only form there is; `show` is what people add by habit.
    let words: Vec<&str> = words.into_iter().filter(|word| !matches!(*word, "-br" | "-4" | "show")).collect();
    match words[..] {
        [] | ["addr" | "address" | "a"] => list(out, addresses),
        ["link" | "l"] => list(out, link),
        ["route" | "r"] => {
            let text = fs::read_to_string("/proc/net/route").map_err(|_| Error::NoProc("routes"))?;
            for route in text.lines().skip(1).filter_map(route) {
                writeln!(out, "{route}")?;
            }
            Ok(0)
        }
        _ => Err(Error::Usage),
    }
}

fn list(out: &mut dyn Write, columns: fn(&Interface) -> String) -> Result<u8> {
    let found = interfaces().at("getifaddrs")?;
    let row = |interface: &Interface| vec![interface.name.clone(), state(interface), columns(interface)];
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    table::print(out, &[Align::Left; 3], &rows)?;
    Ok(0)
}

/// The kernel's own word where /sys has it: loopback is neither up nor down but UNKNOWN.
fn state(interface: &Interface) -> String {
    let told = fs::read_to_string(format!("/sys/class/net/{}/operstate", interface.name));
    told.map_or_else(|_| if interface.up { "UP" } else { "DOWN" }.to_owned(), |word| word.trim().to_ascii_uppercase())
}

fn addresses(interface: &Interface) -> String {
    interface.addresses.iter().map(|(ip, prefix)| format!("{ip}/{prefix}")).collect::<Vec<_>>().join(" ")
}

fn link(interface: &Interface) -> String {
    let mac = interface.mac.unwrap_or_default().map(|byte| format!("{byte:02x}")).join(":");
    let mtu = fs::read_to_string(format!("/sys/class/net/{}/mtu", interface.name)).ok();
    mac + &mtu.map_or_else(String::new, |mtu| format!(" mtu {}", mtu.trim()))
}

/// A line of /proc/net/route: addresses are there as hexadecimal numbers in the machine's own byte order.
fn route(line: &str) -> Option<String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [dev, destination, gateway, _flags, _refs, _use, metric, mask, ..] = fields[..] else { return None };
    let address = |hex| Some(Ipv4Addr::from(u32::from_str_radix(hex, 16).ok()?.to_ne_bytes()));
    let (destination, gateway, mask) = (address(destination)?, address(gateway)?, address(mask)?);
    let prefix = mask.to_bits().count_ones();
    let to = if prefix == 0 { "default".to_owned() } else { format!("{destination}/{prefix}") };
    let via = if gateway.is_unspecified() { String::new() } else { format!(" via {gateway}") };
    let metric = if metric == "0" { String::new() } else { format!(" metric {metric}") };
    Some(format!("{to}{via} dev {dev}{metric}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn routes_read_as_ip_says_them() {
        assert_eq!(
            route("eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0").unwrap(),
            "default via 172.17.0.1 dev eth0"
        );
        assert_eq!(
            route("eth0\t000011AC\t00000000\t0001\t0\t0\t100\t0000FFFF\t0\t0\t0").unwrap(),
            "172.17.0.0/16 dev eth0 metric 100"
        );
        assert_eq!(route("eth0\tnonsense"), None);
    }

    #[test]
    fn loopback_is_there_with_its_address() {
        let mut out = Vec::new();
        run(&["-br".into(), "a".into()], &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().lines().any(|line| line.starts_with("lo ")));
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_harm(line in ".*") {
            let _ = route(&line);
        }
    }
}

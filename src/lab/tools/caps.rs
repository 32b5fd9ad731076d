//! `caps`: what is left of root's power: the five capability sets, no_new_privs and seccomp, from /proc/PID/status.
//!
//! Sources: capabilities(7), proc_pid_status(5).
use std::ffi::OsString;
use std::fs;
use std::io::Write;

use super::{Error, Result, error::At, text};

/// Names by bit, from linux/capability.h.
#[rustfmt::skip] // one entry a line would be half the file
const NAMES: [&str; 41] = [
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
];

/// The five masks: the kernel's key, the word for it, what it is.
const SETS: [(&str, &str, &str); 5] = [
    ("CapInh", "inheritable", "kept over exec by files that ask for it"),
    ("CapPrm", "permitted", "may be made effective"),
    ("CapEff", "effective", "what the kernel checks"),
    ("CapBnd", "bounding", "nothing beyond it can ever be gained"),
    ("CapAmb", "ambient", "kept over exec by any file"),
];

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let pid = match args {
        [] => "self",
        [pid] => text(pid)?,
        _ => return Err(Error::Usage),
    };
    if !fs::exists("/proc/self/status").unwrap_or(false) {
        return Err(Error::NoProc("capabilities"));
    }
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).at(path)?;
    out.write_all(report(&status).as_bytes())?;
    Ok(0)
}

fn field<'a>(status: &'a str, key: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim)
}

/// Sets that are the same are said once, so that a container's five masks read as two or three facts.
fn report(status: &str) -> String {
    let masks = SETS.map(|(key, ..)| field(status, key).and_then(|hex| u64::from_str_radix(hex, 16).ok()));
    let mut said = String::new();
    for (i, ((key, word, what), mask)) in SETS.iter().zip(masks).enumerate() {
        let Some(mask) = mask else { continue };
        said += &format!("{key}  {word:<11}  {mask:016x}  {what}\n");
        let as_before = (0..i).rev().find(|&j| masks[j] == Some(mask) && mask != 0);
        match as_before {
            Some(j) => said += &format!("        same as {}\n", SETS[j].0),
            None => said += &names(mask),
        }
    }
    let yes_no = |value| if value == "1" { "yes: exec can gain nothing, setuid files have no effect" } else { "no" };
    said += &format!("NoNewPrivs  {}\n", field(status, "NoNewPrivs").map_or("unknown", yes_no));
    let seccomp = match field(status, "Seccomp") {
        Some("0") => "off",
        Some("1") => "strict: read, write and exit only",
        Some("2") => "a filter looks at each system call",
        _ => "unknown",
    };
    said + &format!("Seccomp     {seccomp}\n")
}

/// The names in a mask, wrapped for 80 columns.
fn names(mask: u64) -> String {
    let all = (1 << NAMES.len()) - 1;
    if mask == 0 {
        return "        none\n".to_owned();
    }
    if mask & all == all {
        return format!("        all {} the kernel has\n", mask.count_ones());
    }
    let mut said = String::new();
    let mut line = String::from("       ");
    for bit in (0..u64::BITS as usize).filter(|bit| mask & (1 << bit) != 0) {
        let name = NAMES.get(bit).map_or_else(|| format!("bit_{bit}"), |&name| name.to_owned());
        if line.len() + 1 + name.len() > 78 {
            said += &line;
            said += "\n";
            line = String::from("       ");
        }
        line += " ";
        line += &name;
    }
    said + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_default_set_is_spelt_out_once() {
        let status = "Name:\tx\nCapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n\
                      CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";
        let said = report(status);
        assert_eq!(said.matches("net_bind_service").count(), 1);
        assert_eq!(said.matches("same as").count(), 2);
        assert!(said.contains("chown dac_override fowner fsetid kill setgid setuid setpcap"));
        assert!(said.contains("NoNewPrivs  yes") && said.contains("a filter looks at"));
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    }

    #[test]
    fn a_bit_without_a_name_is_still_said() {
        assert_eq!(names(1 << 63), "        bit_63\n");
        assert_eq!(names((1 << 41) - 1), "        all 41 the kernel has\n");
        assert_eq!(names(0), "        none\n");
    }
}

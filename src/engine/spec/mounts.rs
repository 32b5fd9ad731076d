//! What is mounted in every container, and what the user adds.

use super::Order;
use crate::engine::options::Bind;
use serde_json::{Value, json};

/// All mounts in order; a later one may lie on an earlier one.
pub fn mounts(order: &Order<'_>) -> Vec<Value> {
    let options = order.options;
    let mut mounts = kernel_filesystems(order);
    for name in ["resolv.conf", "hostname", "hosts"] {
        mounts.push(bind(&order.dir.join(name).to_string_lossy(), &format!("/etc/{name}"), &["rbind", "rprivate"]));
    }
    for tmpfs in &options.tmpfs {
        let mut words = vec!["noexec".to_owned(), "nosuid".to_owned(), "nodev".to_owned()];
        words.extend(tmpfs.options.iter().cloned());
        mounts.push(json!({"destination": tmpfs.destination, "type": "tmpfs", "source": "tmpfs", "options": words}));
    }
    for Bind { source, destination, options } in &options.binds {
        let mut words = vec!["rbind"];
        if !options.iter().any(|word| word.ends_with("private") || word.ends_with("slave") || word.ends_with("shared"))
        {
            words.push("rprivate");
        }
        words.extend(options.iter().map(String::as_str));
        mounts.push(bind(&source.to_string_lossy(), &destination.to_string_lossy(), &words));
    }
    mounts
}

/// The filesystems that runtime-spec asks of every Linux container, with Docker's options.
fn kernel_filesystems(order: &Order<'_>) -> Vec<Value> {
    let options = order.options;
    let ro = if options.privileged { "rw" } else { "ro" };
    let mount = |destination: &str, kind: &str, words: &[&str]| json!({"destination": destination, "type": kind, "source": kind, "options": words});
    let mut mounts = vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ];
    // sysfs shows the network namespace it was mounted in, and asks for power over it: that a user namespace has only if
    // the network was made inside.
    mounts.push(if options.private_user {
        bind("/sys", "/sys", &["rbind", "rprivate", "nosuid", "noexec", "nodev", "ro"])
    } else {
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", ro])
    });
    if !options.private_user {
        mounts.push(mount("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", ro]));
    }
    if options.host_ipc {
        // Shared memory and message queues are the host's: so must be the filesystems that show them.
        mounts.push(bind("/dev/mqueue", "/dev/mqueue", &["rbind", "rprivate"]));
        mounts.push(bind("/dev/shm", "/dev/shm", &["rbind", "rprivate"]));
    } else {
        mounts.push(mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]));
        let size = format!("size={}", options.shm_bytes);
        mounts.push(mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", &size]));
    }
    mounts
}

fn bind(source: &str, destination: &str, words: &[&str]) -> Value {
    json!({"destination": destination, "type": "bind", "source": source, "options": words})
}

//! What is mounted in every container, and what the user adds.

use super::Order;
use crate::engine::options::Bind;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// All mounts in order: what lies deeper comes later, as Docker has it, so that no mount hides another. Of two at one place
/// the user's counts.
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
    in_order(mounts)
}

fn in_order(mounts: Vec<Value>) -> Vec<Value> {
    let place =
        |mount: &Value| Path::new(mount["destination"].as_str().unwrap_or_default()).components().collect::<PathBuf>();
    let mut ordered: Vec<Value> = Vec::new();
    for mount in mounts {
        ordered.retain(|earlier| place(earlier) != place(&mount));
        ordered.push(mount);
    }
    ordered.sort_by_key(|mount| place(mount).components().count());
    ordered
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
    mounts.push(mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]));
    if options.host_ipc {
        // Shared memory is the host's, so must be the filesystem that shows it. The queues' shows those of the namespace
        // that it is mounted in: that is the host's already.
        mounts.push(bind("/dev/shm", "/dev/shm", &["rbind", "rprivate"]));
    } else {
        let size = format!("size={}", options.shm_bytes);
        mounts.push(mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", &size]));
    }
    mounts
}

fn bind(source: &str, destination: &str, words: &[&str]) -> Value {
    json!({"destination": destination, "type": "bind", "source": source, "options": words})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeper_places_come_later_and_the_users_mount_counts() {
        let mount = |destination: &str, source: &str| bind(source, destination, &[]);
        let given = [("/dev", "a"), ("/dev/shm", "b"), ("/etc/hosts", "c"), ("/etc", "user"), ("/dev/shm/", "user")];
        let ordered = in_order(given.iter().map(|(destination, source)| mount(destination, source)).collect());
        let read: Vec<_> = ordered
            .iter()
            .map(|mount| (mount["destination"].as_str().unwrap(), mount["source"].as_str().unwrap()))
            .collect();
        assert_eq!(read, [("/dev", "a"), ("/etc", "user"), ("/etc/hosts", "c"), ("/dev/shm/", "user")]);
    }
}

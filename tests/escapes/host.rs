//! Things of the host's that a test has put there, and the ways to reach them from inside.

use super::layer::Layer;
use super::range::Range;
use super::rows::{Row, row};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Command, Stdio};

use Layer::{Capability, IpcNamespace, NetworkNamespace, PidNamespace, PivotRoot, Seccomp};

/// They are there as long as this.
pub struct Host {
    process: Child,
    _abstract: UnixListener,
    _loopback: TcpListener,
    memory: i32,
    pub rows: Vec<Row>,
}

impl Host {
    pub fn new(range: &Range) -> Self {
        let process = outside_process();
        let pid = process.id();
        let name = format!("rlab-escapes-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let (listener, loopback) =
            (UnixListener::bind_addr(&address).unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let port = loopback.local_addr().unwrap().port();
        let key = i32::from_ne_bytes(std::process::id().to_ne_bytes()) | 0x1ab0_0000;
        // SAFETY: plain numbers; the segment is taken away when this is dropped.
        let memory = unsafe { nix::libc::shmget(key, 4096, nix::libc::IPC_CREAT | 0o600) };
        assert!(memory >= 0);
        let (net, ptrace) = (NetworkNamespace, Capability("SYS_PTRACE"));
        let mut rows = vec![
            row(format!("kill,{pid}"), &[(PidNamespace, "ESRCH")], "ok"),
            row(format!("pidfd_open,{pid}"), &[(PidNamespace, "ESRCH|EINVAL")], "ok"),
            row(format!("setpriority,{pid}"), &[(PidNamespace, "ESRCH"), (Capability("SYS_NICE"), "EPERM")], "ok"),
            row(format!("ptrace,{pid}"), &[(PidNamespace, "ESRCH"), (ptrace, "EPERM")], "ok"),
            row(format!("vm-read,{pid}"), &[(PidNamespace, "ESRCH"), (ptrace, "EPERM")], "EFAULT"),
            row(format!("look,/proc/{pid}/environ"), &[(PidNamespace, "ENOENT"), (ptrace, "EACCES")], "ok"),
            row(format!("look,/proc/{pid}/root"), &[(PidNamespace, "ENOENT"), (ptrace, "EACCES")], "ok"),
            row(format!("look,/proc/{pid}/cwd"), &[(PidNamespace, "ENOENT"), (ptrace, "EACCES")], "ok"),
            row(format!("abstract,{name}"), &[(net, "ECONNREFUSED")], "ok"),
            row(format!("loopback,{port}"), &[(net, "ECONNREFUSED|ENETUNREACH")], "ok"),
            row(format!("memory,{key}"), &[(IpcNamespace, "ENOENT")], "ok"),
        ];
        rows.extend(host_file(range));
        Self { process, _abstract: listener, _loopback: loopback, memory, rows }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill().and_then(|()| self.process.wait());
        // SAFETY: the number is that of the segment made above.
        unsafe { nix::libc::shmctl(self.memory, nix::libc::IPC_RMID, std::ptr::null_mut()) };
    }
}

/// A process with a number that no container reaches, which counts from 1.
fn outside_process() -> Child {
    loop {
        let mut sleep = Command::new("sleep");
        let mut child = sleep.arg("600").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        if child.id() > 500 {
            return child;
        }
        child.kill().and_then(|()| child.wait()).unwrap();
    }
}

/// A file of the host's, around the container's root and by its number on the disk.
fn host_file(range: &Range) -> Vec<Row> {
    let marker = range.marker().display().to_string();
    let mut rows = vec![row(format!("chroot-twice,{marker}"), &[(PivotRoot, "ENOENT")], "ok")];
    let seen = Command::new(range.attacker()).arg(format!("handle,{marker}")).output().unwrap();
    let seen = String::from_utf8_lossy(&seen.stdout).into_owned();
    // "handle,PATH: TYPE.DIGITS", where this disk has such numbers.
    if let Some((_, handle)) = seen.trim().rsplit_once(": ").filter(|(_, handle)| handle.contains('.')) {
        let by = [(Seccomp, "EPERM"), (Capability("DAC_READ_SEARCH"), "EPERM")];
        rows.push(row(format!("open-handle,/attack,{handle}"), &by, "ok"));
    }
    rows
}

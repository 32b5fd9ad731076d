//! eBPF programs that decide who may open a device: how cgroup v2 does what v1 does with the file `devices.allow`.

use super::{Result, traced};
use crate::trace::Call;
use nix::errno::Errno;
use serde_json::json;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

/// One instruction of an eBPF program, laid out as the kernel's `struct bpf_insn`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BpfInstruction {
    /// Operation.
    pub code: u8,
    /// The register written to, in the low four bits, and the one read from, in the high four.
    pub registers: u8,
    /// How far to jump, counted from the next instruction; or where to read, counted in bytes.
    pub offset: i16,
    /// A number that is part of the instruction.
    pub immediate: i32,
}

/// The numbers of linux/bpf.h, which the libc crate doesn't have.
mod number {
    pub const BPF_PROG_LOAD: i32 = 5;
    pub const BPF_PROG_ATTACH: i32 = 8;
    pub const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
    pub const BPF_CGROUP_DEVICE: u32 = 6;
    pub const BPF_F_ALLOW_MULTI: u32 = 2;
}

/// bpf(2) BPF_PROG_LOAD: hands a device program to the kernel, which checks that it ends and reads nothing it must not.
pub fn bpf_prog_load_device(program: &[BpfInstruction]) -> Result<OwnedFd> {
    /// The first fields of the `union bpf_attr` for this command; the kernel takes those that are missing as zero.
    #[repr(C)]
    struct Load {
        prog_type: u32,
        insn_cnt: u32,
        insns: u64,
        license: u64,
        log_level: u32,
        log_size: u32,
        log_buf: u64,
        kern_version: u32,
        prog_flags: u32,
        prog_name: [u8; 16],
    }
    // Only programs that call the kernel's GPL functions have to be under the GPL; this one calls nothing.
    let license = c"MIT";
    let attributes = Load {
        prog_type: number::BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: u32::try_from(program.len()).unwrap_or(u32::MAX),
        insns: program.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
        prog_name: *b"rlab_devices\0\0\0\0",
    };
    traced(
        || {
            Call::new("bpf").arg("cmd", "BPF_PROG_LOAD").arg(
                "attr",
                json!({
                    "prog_type": "BPF_PROG_TYPE_CGROUP_DEVICE",
                    "insn_cnt": program.len(),
                    "license": "MIT",
                    "prog_name": "rlab_devices",
                }),
            )
        },
        || {
            // SAFETY: the structure, the program and the licence it points to live across the call, and it is as large
            // as we say; the descriptor that comes back is ours.
            unsafe {
                let size = std::mem::size_of::<Load>();
                let fd = libc::syscall(libc::SYS_bpf, number::BPF_PROG_LOAD, &raw const attributes, size);
                Ok(OwnedFd::from_raw_fd(Errno::result(fd)? as i32))
            }
        },
    )
}

/// bpf(2) BPF_PROG_ATTACH: from here on the program is asked about each device that a process of the cgroup opens.
///
/// It stays with the cgroup and goes with it. With BPF_F_ALLOW_MULTI someone inside may add a program of their own, and
/// this one is asked all the same; all that are asked must agree. So it is with those above that were attached this way.
pub fn bpf_prog_attach_device(cgroup: &OwnedFd, cgroup_path: &Path, program: &OwnedFd) -> Result<()> {
    #[repr(C)]
    struct Attach {
        target_fd: u32,
        attach_bpf_fd: u32,
        attach_type: u32,
        attach_flags: u32,
    }
    let attributes = Attach {
        target_fd: cgroup.as_raw_fd() as u32,
        attach_bpf_fd: program.as_raw_fd() as u32,
        attach_type: number::BPF_CGROUP_DEVICE,
        attach_flags: number::BPF_F_ALLOW_MULTI,
    };
    traced(
        || {
            Call::new("bpf").arg("cmd", "BPF_PROG_ATTACH").arg(
                "attr",
                json!({
                    "target_fd": cgroup_path.to_string_lossy(),
                    "attach_bpf_fd": program.as_raw_fd(),
                    "attach_type": "BPF_CGROUP_DEVICE",
                    "attach_flags": "BPF_F_ALLOW_MULTI",
                }),
            )
        },
        // SAFETY: the structure lives across the call and is as large as we say; both descriptors are open.
        || unsafe {
            let size = std::mem::size_of::<Attach>();
            Errno::result(libc::syscall(libc::SYS_bpf, number::BPF_PROG_ATTACH, &raw const attributes, size)).map(drop)
        },
    )
}

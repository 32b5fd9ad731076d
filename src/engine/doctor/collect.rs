//! The facts of this host: read, or tried out in children that end.

use super::facts::{Facts, Machine, Namespace, Overlay, Storage, Trial, Tried, UserNamespaces};
use crate::cgroup::{self, Layout};
use crate::engine::Home;
use crate::network::Survey;
use crate::sys::attempt::{Refused, attempt};
use crate::sys::facts::{self, Power, existing, mount_of, mounts};
use crate::sys::kvm::{Ran, run_small_guest};
use crate::sys::mount::{MsFlags, mount};
use crate::sys::{self, Ended, Program};
use std::path::Path;

/// Ample for one system call on a busy machine.
const LIMIT_MS: u16 = 2000;

/// Each kind, by its name in /proc/self/ns.
const NAMESPACES: [(&str, i32, &str); 8] = [
    ("mnt", sys::CLONE_NEWNS, "CLONE_NEWNS"),
    ("pid", sys::CLONE_NEWPID, "CLONE_NEWPID"),
    ("net", sys::CLONE_NEWNET, "CLONE_NEWNET"),
    ("uts", sys::CLONE_NEWUTS, "CLONE_NEWUTS"),
    ("ipc", sys::CLONE_NEWIPC, "CLONE_NEWIPC"),
    ("cgroup", sys::CLONE_NEWCGROUP, "CLONE_NEWCGROUP"),
    ("user", sys::CLONE_NEWUSER, "CLONE_NEWUSER"),
    ("time", sys::CLONE_NEWTIME, "CLONE_NEWTIME"),
];

impl Facts {
    /// Examines this host. `trial` is what the layer above remembers of kernels under KVM: none is tried here, that takes
    /// seconds. Must be called from a process with one thread.
    pub fn collect(home: &Home, settings: Result<(), String>, trial: Option<Trial>) -> Facts {
        let layout = Layout::detect();
        let mounts = mounts();
        let covers =
            mounts.iter().filter(|mount| mount.point.starts_with("/proc") && mount.point != Path::new("/proc"));
        Facts {
            release: read("/proc/sys/kernel/osrelease").unwrap_or_default(),
            uid: sys::geteuid(),
            power: Power::read(),
            uid_map: read("/proc/self/uid_map").unwrap_or_default(),
            container: container(),
            // What binfmt_misc is mounted on is no cover: it is a filesystem of its own that belongs there.
            masked_proc: covers
                .filter(|mount| mount.kind != "binfmt_misc" && mount.kind != "autofs")
                .map(|mount| mount.point.clone())
                .collect(),
            root_shared: mounts.iter().rev().find(|mount| mount.point == Path::new("/")).map(|mount| mount.shared),
            lsm: read("/sys/kernel/security/lsm"),
            seccomp_actions: read("/proc/sys/kernel/seccomp/actions_avail"),
            controllers: layout.as_ref().map(cgroup::survey).unwrap_or_default(),
            cgroups: layout.as_ref().map(Layout::name).map_err(ToString::to_string),
            namespaces: NAMESPACES.iter().map(namespace).collect(),
            users: user_namespaces(),
            overlay: overlay(),
            storage: storage(home, &mounts),
            settings,
            network: Survey::take(),
            machine: machine(home, trial),
        }
    }
}

fn read(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The marks that the field's tools leave inside.
fn container() -> Option<String> {
    let marks = ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"];
    let file = marks.iter().find(|mark| Path::new(mark).exists()).map(|mark| format!("{mark} is there"));
    file.or_else(|| Some(format!("the variable container is {:?}", std::env::var("container").ok()?)))
}

fn namespace((kind, flag, spelt): &(&'static str, i32, &str)) -> Namespace {
    let made = attempt(LIMIT_MS, || {
        let uid = sys::geteuid();
        sys::unshare(*flag, spelt)?;
        // Ubuntu's AppArmor lets anyone make one, and then do nothing in it: the map can't be written.
        if *kind == "user" {
            sys::write_file(Path::new("/proc/self/uid_map"), &format!("0 {uid} 1\n"))?;
        }
        Ok(String::new())
    });
    Namespace { kind, in_kernel: Path::new("/proc/self/ns").join(kind).exists(), made }
}

fn user_namespaces() -> UserNamespaces {
    let range = |path: &str| {
        let uid = sys::geteuid().to_string();
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let own = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let name =
            own.into_iter().find(|fields| fields.get(2) == Some(&uid.as_str())).map(|fields| fields[0].to_owned());
        let text = std::fs::read_to_string(path).ok()?;
        let mine = |line: &&str| line.split(':').next().is_some_and(|who| who == uid || Some(who) == name.as_deref());
        text.lines().find(mine).map(str::to_owned)
    };
    UserNamespaces {
        apparmor: read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        clone: read("/proc/sys/kernel/unprivileged_userns_clone"),
        max: read("/proc/sys/user/max_user_namespaces"),
        subuid: range("/etc/subuid"),
        subgid: range("/etc/subgid"),
        newuidmap: sys::find_program("newuidmap").is_some(),
    }
}

/// Mounted over a tmpfs, in a mount namespace of its own: what is below stays as it is.
fn overlay() -> Overlay {
    let tried = attempt(LIMIT_MS, || {
        sys::unshare(sys::CLONE_NEWNS, "CLONE_NEWNS")?;
        let (top, place) = (Path::new("/"), Path::new("/tmp"));
        mount(None, top, None, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None)?;
        mount(Some("tmpfs"), place, Some("tmpfs"), MsFlags::empty(), Some("size=64k"))?;
        for name in ["lower", "upper", "work", "merged"] {
            sys::mkdir(&place.join(name), 0o755)?;
        }
        let options = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work";
        mount(Some("overlay"), &place.join("merged"), Some("overlay"), MsFlags::empty(), Some(options))?;
        Ok(String::new())
    });
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    Overlay { listed: known.lines().any(|line| line.ends_with("\toverlay")), tried }
}

fn storage(home: &Home, mounts: &[facts::MountLine]) -> Storage {
    let existing = existing(&home.root);
    let mount = mount_of(mounts, &existing);
    Storage {
        root: home.root.clone(),
        kind: mount.map(|mount| mount.kind.clone()).unwrap_or_default(),
        room: facts::room(&existing),
        writable: facts::may_write(&existing),
        existing,
    }
}

/// A virtual machine of a page of memory and a dozen bytes of program, run by KVM. Must be called from a process with one
/// thread.
pub fn small_guest() -> Tried {
    attempt(LIMIT_MS, || match run_small_guest()? {
        Ran::ToTheEnd => Ok("a guest of a dozen bytes added up ten numbers and stopped, as it should".to_owned()),
        Ran::NoProgram => Ok("a virtual machine was made; rlab has no guest to run on this processor".to_owned()),
        Ran::Elsewhere => Err(Refused::new("a small guest stopped where it should not have")),
    })
}

fn machine(home: &Home, trial: Option<Trial>) -> Machine {
    let qemu = sys::find_program(&format!("qemu-system-{}", std::env::consts::ARCH));
    Machine {
        device: Path::new("/dev/kvm").exists(),
        guest: small_guest(),
        trial,
        qemu_version: qemu.as_deref().map_or_else(|| Err(Refused::new("there is none")), qemu_version),
        qemu,
        kernels: kernels(Path::new("/"), home),
        apt: sys::find_program("apt-get").is_some(),
        mke2fs: sys::find_program("mke2fs"),
    }
}

/// The first line of `--version`: `QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`.
fn qemu_version(qemu: &Path) -> Tried {
    attempt(LIMIT_MS, || {
        let args = vec![qemu.to_string_lossy().into_owned(), "--version".to_owned()];
        // When the time is over, the process that asks is killed, and this one with it.
        let program = Program { path: qemu, args, env: vec![], stays: false, dies_with_us: true, keeps: &[] };
        let output = sys::spawn(&program)?.finish(b"")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let line = said.lines().next().unwrap_or_default();
        let version = line.split_once("version ").map(|(_, version)| version.trim().to_owned());
        version.filter(|_| output.ended == Ended::Exited(0)).ok_or_else(|| Refused::new("it does not tell its version"))
    })
}

/// What a machine could boot, by what lies where kernels lie. Whether it would, only trying tells.
fn kernels(top: &Path, home: &Home) -> Vec<String> {
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let boot = top.join("boot");
    let usable = |name: &String| {
        let release = name.strip_prefix("vmlinuz-")?;
        let has_modules = top.join("lib/modules").join(release).is_dir();
        // On Ubuntu only root may read them.
        let file = boot.join(name);
        (has_modules && std::fs::File::open(&file).is_ok()).then(|| format!("/boot/{name}"))
    };
    let found = names(&boot).iter().filter_map(usable).collect::<Vec<_>>();
    let fetched = home.root.join("vm/kernels");
    let kept = names(&fetched).into_iter().filter(|name| !name.starts_with('.') && fetched.join(name).is_dir());
    found.into_iter().chain(kept.map(|release| format!("{release}, fetched"))).collect()
}

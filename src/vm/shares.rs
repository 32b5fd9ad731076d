//! Directories of the host's in the guest: `-v`.
//!
//! For a container this is a bind mount: the same files by a second path. A guest's kernel can't be given the host's files,
//! only answers to questions about them, so somebody outside has to serve them: QEMU itself by 9p, or a process beside it,
//! virtiofsd, which speaks FUSE over a queue in the guest's memory. Which of the two, the guest's kernel decides: a driver
//! for it is built or it is not.

use super::error::{Error, refused};
use super::kernel::Kernel;
use super::machine::command::SharedDir;
use super::modules;
use super::order::Share;
use crate::engine::container::Container;
use crate::engine::options::Bind;
use crate::engine::{Made, make_source};
use crate::sys::mount::{MsFlags, mount};
use crate::sys::{self, Child};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// How long virtiofsd may take to see that QEMU is gone, before it is killed.
const END_MS: u16 = 2000;
/// Where distributions put virtiofsd, which is not for people to call: the one in Rust, and before it QEMU's own.
const VIRTIOFSD: [&str; 2] = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"];

/// How a guest reaches files of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filesystem {
    /// Plan 9's protocol, served by QEMU itself.
    NineP,
    /// FUSE over virtio, served by virtiofsd.
    Virtiofs,
}

impl Filesystem {
    /// Its name for mount(2).
    pub const fn name(self) -> &'static str {
        match self {
            Filesystem::NineP => "9p",
            Filesystem::Virtiofs => "virtiofs",
        }
    }
}

/// What a kernel has a driver for. 9p first: it takes no second process.
pub fn offered(kernel: &Kernel) -> Option<Filesystem> {
    let has = |drivers: &[&str]| modules::needed(kernel, drivers, &[]).is_ok();
    match () {
        () if has(&["9p", "9pnet_virtio"]) => Some(Filesystem::NineP),
        () if has(&["virtiofs"]) => Some(Filesystem::Virtiofs),
        () => None,
    }
}

/// A share that is to be.
pub struct Planned {
    /// What the guest is told.
    pub share: Share,
    source: PathBuf,
    filesystem: Filesystem,
}

/// A share that is served.
pub struct Serving {
    /// What QEMU is told.
    pub dir: SharedDir,
    virtiofsd: Option<(Child, UnixStream)>,
}

impl Serving {
    /// The connection to virtiofsd, which QEMU takes over.
    pub fn connection(&self) -> Option<BorrowedFd<'_>> {
        self.virtiofsd.as_ref().map(|(_, connection)| connection.as_fd())
    }
}

impl Drop for Serving {
    /// QEMU is gone, or never came: so goes virtiofsd, by itself, or else by force.
    fn drop(&mut self) {
        let Some((child, connection)) = self.virtiofsd.take() else { return };
        drop(connection);
        if let Ok(pidfd) = sys::pidfd_open(child.pid)
            && !sys::poll_readable(&[pidfd.as_fd()], Some(END_MS)).is_ok_and(|ready| ready[0])
        {
            let _gone = sys::pidfd_send_signal(pidfd.as_fd(), child.pid, sys::SIGKILL);
        }
        let _reaped = sys::wait(child.pid, true);
    }
}

/// Each `-v`, judged by what the guest can do.
pub fn plan(binds: &[Bind], offered: Option<Filesystem>) -> Result<Vec<Planned>, Error> {
    binds.iter().enumerate().map(|(at, bind)| plan_one(at, bind, offered)).collect()
}

fn plan_one(at: usize, bind: &Bind, offered: Option<Filesystem>) -> Result<Planned, Error> {
    let refused = |reason: &str| Error::Share { path: bind.source.clone(), reason: reason.to_owned() };
    let filesystem = offered.ok_or_else(|| {
        refused("the guest's kernel has no driver for 9p and none for virtiofs: name another with --kernel")
    })?;
    if bind.source.exists() && !bind.source.is_dir() {
        return Err(refused("only directories can be shared with a machine: put the file into one"));
    }
    let read_only = bind.options.iter().any(|option| option == "ro");
    let share = Share {
        tag: format!("share{at}"),
        filesystem: filesystem.name().to_owned(),
        destination: bind.destination.clone(),
        read_only,
    };
    Ok(Planned { share, source: bind.source.clone(), filesystem })
}

/// Starts whoever is needed to serve them.
pub fn serve(planned: Vec<Planned>, container: &mut Container) -> Result<Vec<Serving>, Error> {
    planned.into_iter().map(|one| serve_one(one, container)).collect()
}

fn serve_one(planned: Planned, container: &mut Container) -> Result<Serving, Error> {
    make_source(&planned.source)?;
    let Planned { share, mut source, filesystem } = planned;
    let read_only = share.read_only;
    let virtiofsd = match filesystem {
        Filesystem::NineP => None,
        Filesystem::Virtiofs => {
            if read_only {
                source = bind_read_only(&source, &share.tag, container)?;
            }
            Some(start_virtiofsd(&source, &share.tag, container)?)
        }
    };
    let virtiofs_fd = virtiofsd.as_ref().map(|(_, connection)| connection.as_raw_fd());
    Ok(Serving { dir: SharedDir { tag: share.tag, source, read_only, virtiofs_fd }, virtiofsd })
}

/// The guest's root could mount its share for writing whatever it was told: what holds is a mount out here.
fn bind_read_only(source: &Path, tag: &str, container: &mut Container) -> Result<PathBuf, Error> {
    let at = container.dir.join(tag);
    sys::mkdir(&at, 0o700).map_err(refused("machine"))?;
    container.will_make(&Made::Mount(at.clone()))?;
    let from = source.to_string_lossy();
    mount(Some(&from), &at, None, MsFlags::MS_BIND, None).map_err(refused("machine"))?;
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    mount(None, &at, None, flags, None).map_err(refused("machine"))?;
    Ok(at)
}

/// Starts virtiofsd behind a socket to which rlab has already connected: nobody else can come first.
fn start_virtiofsd(source: &Path, tag: &str, container: &Container) -> Result<(Child, UnixStream), Error> {
    let lost = |reason: String| Error::Share { path: source.to_owned(), reason };
    let program = VIRTIOFSD.iter().map(Path::new).find(|path| path.exists()).ok_or_else(|| {
        lost("virtiofsd, which serves directories to a machine, is not here: apt install qemu-system-common".to_owned())
    })?;
    // A socket's path has 108 bytes at most, see unix(7). Through an open directory it is short.
    let dir = sys::open_path(&container.dir).map_err(refused("machine"))?;
    let path = format!("/proc/self/fd/{}/{tag}.socket", dir.as_raw_fd());
    let no_socket = |error: std::io::Error| lost(format!("socket for virtiofsd: {error}"));
    let listener = UnixListener::bind(&path).map_err(no_socket)?;
    let connection = UnixStream::connect(&path).map_err(no_socket)?;
    let number = listener.as_raw_fd();
    let shared = source.to_string_lossy();
    let own = match program.parent().is_some_and(|folder| folder.ends_with("libexec")) {
        true => vec![format!("--shared-dir={shared}")],
        // A comma would end the option's value.
        false => vec!["-o".to_owned(), format!("source={}", shared.replace('\\', "\\\\").replace(',', "\\,"))],
    };
    let args = ["virtiofsd".to_owned(), format!("--fd={number}")].into_iter().chain(own).collect();
    let keeps = [listener.as_fd()];
    let program = sys::Program { path: program, args, env: Vec::new(), stays: true, dies_with_us: true, keeps: &keeps };
    let child = sys::spawn(&program).map_err(refused("machine"))?;
    Ok((child, connection))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(source: &Path, options: &[&str]) -> Bind {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Bind { source: source.to_owned(), destination: "/data".into(), options }
    }

    #[test]
    fn what_the_guest_is_told_is_what_was_wished() {
        let dir = tempfile::tempdir().unwrap();
        let binds = [bind(dir.path(), &[]), bind(dir.path(), &["ro"])];
        let planned = plan(&binds, Some(Filesystem::Virtiofs)).unwrap();
        let told: Vec<_> =
            planned.iter().map(|one| (&*one.share.tag, &*one.share.filesystem, one.share.read_only)).collect();
        assert_eq!(told, [("share0", "virtiofs", false), ("share1", "virtiofs", true)]);
    }

    #[test]
    fn what_cannot_be_shared_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let refused = |bind: Bind, offered| plan(&[bind], offered).err().unwrap().to_string();
        let said = refused(bind(&file, &[]), Some(Filesystem::NineP));
        assert!(said.contains("/file") && said.contains("only directories"), "{said}");
        let said = refused(bind(dir.path(), &[]), None);
        assert!(said.contains("no driver for 9p"), "{said}");
    }

    #[test]
    fn a_kernel_offers_what_it_has_a_driver_for() {
        let dir = tempfile::tempdir().unwrap();
        let modules = dir.path().join("lib/modules/6.1.0");
        std::fs::create_dir_all(&modules).unwrap();
        let kernel = Kernel {
            image: dir.path().join("vmlinuz"),
            release: "6.1.0".to_owned(),
            modules: Some(modules.clone()),
            came: crate::vm::kernel::Came::Named,
        };
        let offers = |built_in: &str| {
            std::fs::write(modules.join("modules.builtin"), built_in).unwrap();
            offered(&kernel)
        };
        assert_eq!(offers(""), None);
        assert_eq!(offers("kernel/fs/fuse/virtiofs.ko\n"), Some(Filesystem::Virtiofs));
        assert_eq!(offers("kernel/fs/9p/9p.ko\n"), None, "9p without its transport reaches nobody");
        assert_eq!(offers("kernel/fs/9p/9p.ko\nkernel/net/9p/9pnet_virtio.ko\n"), Some(Filesystem::NineP));
    }
}

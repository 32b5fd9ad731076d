//! A network namespace that lives without a process in it, as `ip netns add` makes them.
//!
//! It is made before the container's process is, and that one joins it by its path: so the network is whole before
//! anything runs in it, and outlives a process that is restarted.

use super::error::Result;
use super::probe;
use super::subnet::Subnet;
use crate::sys::{self, Errno, netlink::Netlink, netns};
use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::path::Path;

/// The name of the container's end of the cable.
pub const INSIDE: &str = "eth0";

// ANCHOR: create
/// Makes a namespace with its loopback switched on, and pins it to `path`.
pub fn create(path: &Path) -> Result<()> {
    if let Some(dir) = path.parent()
        && !dir.is_dir()
    {
        ignore(sys::mkdir(dir, 0o700), Errno::EEXIST)?;
    }
    netns::create_pin(path)?;
    away_and_back(|| {
        netns::unshare_network()?;
        netns::pin(path)?;
        let before = probe::Snapshot::read(&[]);
        // A new namespace's loopback is down: without this not even 127.0.0.1 answers inside.
        let netlink = Netlink::open()?;
        if let Some(lo) = netlink.link("lo")? {
            netlink.set_up(&lo)?;
        }
        before.tell(&probe::Snapshot::read(&[]));
        Ok(())
    })
}
// ANCHOR_END: create

/// Unpins a namespace. It ends with the last process in it; nothing else holds it.
pub fn remove(path: &Path) -> Result<()> {
    // EINVAL: the file is there, but nothing is mounted on it; rlab was killed between the two.
    match sys::mount::umount2(path, true) {
        Err(error) if [Errno::EINVAL as i32, Errno::ENOENT as i32].contains(&error.errno) => {}
        other => other?,
    }
    ignore(netns::unlink(path), Errno::ENOENT)
}

/// Runs `body` inside the namespace at `path`. Sockets that it opens belong to that namespace.
pub fn inside<T>(path: &Path, body: impl FnOnce() -> Result<T>) -> Result<T> {
    away_and_back(|| {
        netns::NetworkNamespace::open(path)?.enter()?;
        body()
    })
}

/// Configures the container's end of the cable: address, switched on, and the way to everywhere else.
pub fn configure(path: &Path, ip: Ipv4Addr, subnet: Subnet) -> Result<()> {
    inside(path, || {
        let before = probe::Snapshot::empty();
        // The bridge has IPv4 only. Without this, a neighbour on it could announce itself as IPv6's router.
        disable_ipv6(INSIDE)?;
        let netlink = Netlink::open()?;
        let Some(eth0) = netlink.link(INSIDE)? else { return Ok(()) };
        netlink.add_address(&eth0, ip, subnet.prefix_len)?;
        netlink.set_up(&eth0)?;
        // After set_up: the kernel refuses a route whose gateway can't be reached, and over a link that is down
        // nothing can.
        netlink.add_default_route(subnet.gateway(), &eth0)?;
        before.tell(&probe::Snapshot::read(&[(INSIDE, INSIDE)]));
        Ok(())
    })
}

/// Switches IPv6 off on a link; a kernel without IPv6 has nothing to switch.
pub fn disable_ipv6(link: &str) -> Result<()> {
    let path = Path::new("/proc/sys/net/ipv6/conf").join(link).join("disable_ipv6");
    if path.exists() {
        sys::write_file(&path, "1")?;
    }
    Ok(())
}

thread_local! {
    /// The namespace that this thread could not come back to.
    static LOST: RefCell<Option<netns::NetworkNamespace>> = const { RefCell::new(None) };
}

/// Whatever happens in `body`, the thread is back in its own namespace afterwards: the next command would else change
/// the wrong one.
fn away_and_back<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let home = netns::NetworkNamespace::current()?;
    let result = body();
    LOST.set(Some(home));
    let back = come_home();
    result.and_then(|value| back.map(|()| value))
}

/// Comes back, if that was refused before: what is taken away next must not be looked for in the container's namespace.
pub fn come_home() -> Result<()> {
    let Some(home) = LOST.take() else { return Ok(()) };
    home.enter().map_err(|error| {
        LOST.set(Some(home));
        error.into()
    })
}

fn ignore(result: sys::Result<()>, errno: Errno) -> Result<()> {
    match result {
        Err(error) if error.errno == errno as i32 => Ok(()),
        other => Ok(other?),
    }
}

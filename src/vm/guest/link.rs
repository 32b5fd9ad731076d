//! The guest's network card gets an address.
//!
//! A container's link is made and set up by the host, from outside. This one is a device of the guest's own: outside there
//! is no link of which the host's kernel would know, only QEMU, which takes the frames out of a queue in the guest's memory
//! and plays the network behind them. Who is who there is fixed: QEMU documentation, "user networking".
//!
//! Man: rtnetlink(7).

use crate::shim::Failure;
use crate::sys::Errno;
use crate::sys::netlink::{Link, Netlink};
use crate::vm::order::{LINK, refused};
use std::net::Ipv4Addr;

/// The address that QEMU's user network hands out first.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// Its network has 256 addresses.
const PREFIX_LEN: u8 = 24;
/// QEMU, as the way to everywhere else.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// Its name server, which asks the host's.
pub const RESOLV_CONF: &str = "nameserver 10.0.2.3\n";

/// Switches the loopback and the card on, and says where everything goes.
pub fn set_up() -> Result<(), Failure> {
    let netlink = Netlink::open().map_err(refused("guest_init"))?;
    let loopback = find(&netlink, "lo")?;
    netlink.set_up(&loopback).map_err(refused("guest_init"))?;
    let card = find(&netlink, LINK)?;
    netlink.add_address(&card, ADDRESS, PREFIX_LEN).map_err(refused("guest_init"))?;
    // Before the route: the kernel takes no route over a link that is down.
    netlink.set_up(&card).map_err(refused("guest_init"))?;
    netlink.add_default_route(GATEWAY, &card).map_err(refused("guest_init"))
}

fn find(netlink: &Netlink, name: &str) -> Result<Link, Failure> {
    let found = netlink.link(name).map_err(refused("guest_init"))?;
    found.ok_or_else(|| Failure::Refused {
        stage: "guest_init".to_owned(),
        reason: format!("the guest's kernel shows no link {name}: {}", Errno::ENODEV.desc()),
    })
}

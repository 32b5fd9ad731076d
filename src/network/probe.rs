//! Links, addresses and routes of a namespace as the kernel has them, read before and after for the trace alone.

use crate::sys;
use crate::sys::netlink::{Link, Netlink};
use crate::trace;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const MAIN_TABLE: u32 = 254;

/// What was read: by sort of object and key.
#[derive(Debug, Default)]
pub struct Snapshot {
    objects: BTreeMap<(&'static str, String), Value>,
}

impl Snapshot {
    /// Nothing is there.
    pub fn empty() -> Snapshot {
        Snapshot::default()
    }

    /// Reads the calling thread's namespace, unless nobody listens. With `only`, links are picked by name and told
    /// under another one, which is the same in every run.
    pub fn read(only: &[(&str, &str)]) -> Snapshot {
        // A reading that fails is not worth the container: the story has a gap, nothing else.
        if trace::enabled() { Snapshot::read_all(only).unwrap_or_default() } else { Snapshot::empty() }
    }

    /// Tells what differs in a later reading.
    pub fn tell(&self, after: &Snapshot) {
        let keys: BTreeSet<_> = self.objects.keys().chain(after.objects.keys()).collect();
        for key in keys {
            let reading = |of: &Snapshot| of.objects.get(key).cloned().unwrap_or(Value::Null);
            trace::change(key.0, key.1.clone(), reading(self), reading(after));
        }
    }

    fn read_all(only: &[(&str, &str)]) -> sys::Result<Snapshot> {
        let netlink = Netlink::open()?;
        let links = netlink.links()?;
        let mut objects = BTreeMap::new();
        let named = |index: u32| links.iter().find(|link| link.index == index);
        let key = |link: &Link| match only {
            [] => Some(link.name.clone()),
            some => some.iter().find(|(name, _)| *name == link.name).map(|(_, key)| (*key).to_owned()),
        };
        for link in &links {
            if let Some(key) = key(link) {
                objects.insert(("link", key), json!(state(link)));
            }
        }
        for address in netlink.addresses()? {
            if let Some(key) = named(address.index).and_then(key) {
                objects.insert(
                    ("address", format!("address of {key}")),
                    json!(format!("{}/{}", address.ip, address.prefix_len)),
                );
            }
        }
        for route in netlink.routes()?.iter().filter(|route| route.table == MAIN_TABLE && route.prefix_len == 0) {
            if let (Some(gateway), Some(_)) = (route.gateway, route.oif.and_then(named).and_then(key)) {
                objects.insert(("route", "default route".to_owned()), json!(gateway.to_string()));
            }
        }
        Ok(Snapshot { objects })
    }
}

/// As `ip link` has it, without the names, which differ from run to run.
fn state(link: &Link) -> &'static str {
    match (link.up, link.master.is_some()) {
        (true, true) => "up, plugged into the bridge",
        (true, false) => "up",
        (false, _) => "down",
    }
}

//! What a network consists of, as the undo list on disk names it: each is written down before it is made.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One thing that has to be taken away again. Taking away what is gone already is no error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// A network namespace, pinned by a mount on this file.
    Netns {
        /// The file.
        path: PathBuf,
    },
    /// The bridge of a root, its firewall table and the host's forwarding: shared, gone with its last container.
    Bridge {
        /// The run directory of the root, where its leases are.
        run: PathBuf,
        /// The link, and the table of the same name.
        name: String,
    },
    /// A container's address.
    Lease {
        /// The run directory of the root.
        run: PathBuf,
        /// The container.
        id: String,
    },
    /// A veth pair; the end inside goes with the one outside.
    Veth {
        /// The host's end.
        host_name: String,
    },
    /// The process that listens on the published ports.
    Proxy {
        /// Its number.
        pid: i32,
        /// When it began, in clock ticks since the boot: a number is given anew, this pair is not.
        start_ticks: u64,
    },
    /// A container's firewall rules.
    Rules {
        /// The table, which has the bridge's name.
        table: String,
        /// The comment they carry.
        comment: String,
    },
}

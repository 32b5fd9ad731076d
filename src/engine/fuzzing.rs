//! An image's config becomes the runtime's order form, without an image. See `crate::fuzzing`.

use super::error::Error;
use super::options::{PullPolicy, RunOptions, Seccomp};
use super::run::command;
use super::spec::{Order, spec};
use super::user;
use crate::image::config::ExecConfig;
use crate::network::{Dns, Mode};
use std::path::Path;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102::/srv:/bin/false\nbad:x:x:0::/:\n";
const GROUP: &str = "root:x:0:\nwww:x:33:web,other\nadm:x:4:web\n";

/// What `rlab run IMAGE` would write to config.json.
pub fn config_json(config: &ExecConfig) -> Result<Vec<u8>, Error> {
    let options = options();
    let args = command(&options.image, options.entrypoint.as_deref(), &options.command, config)?;
    let user = user::find(&config.user, PASSWD, GROUP)?;
    let order = Order {
        id: "0123456789ab",
        options: &options,
        image: config,
        args: &args,
        user: &user,
        hostname: "0123456789ab",
        netns: Some(Path::new("/run/netns/x")),
        rootfs: Path::new("/rootfs"),
        dir: Path::new("/dir"),
        kernel: (6, 18),
        console: None,
    };
    Ok(serde_json::to_vec(&spec(&order)?).unwrap_or_default())
}

/// `rlab run IMAGE`, and no flag.
fn options() -> RunOptions {
    RunOptions {
        image: "image".to_owned(),
        command: Vec::new(),
        name: None,
        remove: true,
        interactive: false,
        terminal: false,
        env: Vec::new(),
        workdir: None,
        user: None,
        entrypoint: None,
        hostname: None,
        binds: Vec::new(),
        tmpfs: Vec::new(),
        read_only: false,
        memory_bytes: None,
        memory_swap_bytes: None,
        shm_bytes: 64 << 20,
        cpu_millis: None,
        cpu_shares: None,
        pids_limit: None,
        ulimits: Vec::new(),
        cap_add: Vec::new(),
        cap_drop: Vec::new(),
        privileged: false,
        seccomp: Seccomp::Default,
        no_new_privileges: false,
        init: false,
        ports: Vec::new(),
        network: Mode::Bridge,
        dns: Dns { servers: Vec::new(), search: Vec::new(), options: Vec::new() },
        extra_hosts: Vec::new(),
        sysctl: Vec::new(),
        host_pid: false,
        host_uts: false,
        host_ipc: false,
        host_cgroup: false,
        private_user: false,
        private_time: false,
        chroot: false,
        pull: PullPolicy::Never,
    }
}

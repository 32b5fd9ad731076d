//! A config.json becomes a plan, without a bundle and without a container. See `crate::fuzzing`.

use super::create::{CreateOptions, EnterRoot, Stdio};
use super::error::Error;
use super::plan::Plan;
use crate::cgroup::Layout;
use std::path::Path;

const MOUNTINFO: &str = "30 1 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
const CONTROLLERS: &str = "cpuset\t0\t1\t1\ncpu\t0\t1\t1\nio\t0\t1\t1\nmemory\t0\t1\t1\npids\t0\t1\t1\n";

/// Reads it as `create` does. A plan that comes out must not need a second look by the stages.
pub fn plan(config_json: &[u8]) -> Result<(), Error> {
    let bundle = Path::new("/bundle");
    let spec = super::plan::spec(config_json)?;
    let layout = Layout::parse(MOUNTINFO, "0::/\n", CONTROLLERS);
    let options = CreateOptions {
        id: "0123456789ab".to_owned(),
        enter_root: EnterRoot::PivotRoot,
        init: false,
        stdio: Stdio::default(),
    };
    let plan = Plan::new(&spec, bundle, &options, &layout)?;
    assert!(!plan.args.is_empty(), "a plan without a program");
    assert!(plan.cwd.is_absolute(), "{:?}", plan.cwd);
    assert!(plan.args.iter().chain(&plan.env).all(|text| !text.contains('\0')), "execve(2) would cut a text short");
    let paths = plan.mounts.iter().map(|mount| &mount.destination).chain(&plan.masked_paths);
    let paths = paths.chain(&plan.readonly_paths).chain(plan.devices.iter().map(|device| &device.path));
    assert!(paths.clone().all(|path| path.is_absolute()), "{:?}", paths.collect::<Vec<_>>());
    for (file, _) in &plan.sysctl {
        assert!(file.starts_with("/proc/sys/") && !file.components().any(|part| part.as_os_str() == ".."), "{file:?}");
    }
    let (uid, gid) = plan.owner_outside();
    assert!(!plan.namespaces.is_empty() || (uid, gid) == (plan.uid, plan.gid));
    Ok(())
}

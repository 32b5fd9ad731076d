//! Layers are stacked into one tree: overlayfs, as containerd's snapshotter of that name does it.
//!
//! Man: mount(2); kernel documentation: filesystems/overlayfs.

use super::container::Container;
use super::error::{Error, file, refused};
use super::home::Home;
use super::idmap;
use super::journal::Made;
use crate::image::store::{ImageRecord, Store};
use crate::sys::mount::{MsFlags, chdir, mount};
use crate::trace;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The kernel takes the options of one mount in one page.
const MAX_OPTION_BYTES: usize = 4095;

/// Mounts the image's layers with an empty writable one on top, and gives where.
pub fn create(
    home: &Home,
    container: &mut Container,
    store: &Store,
    image: &ImageRecord,
    private_user: bool,
) -> Result<PathBuf, Error> {
    let rootfs = container.dir.join("rootfs");
    let (upper, work) = (container.kept.join("upper"), container.kept.join("work"));
    for dir in [&rootfs, &upper, &work] {
        std::fs::create_dir_all(dir).map_err(file(dir))?;
    }
    // Programs of any user must be able to walk through `/`, whatever umask rlab was started with.
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&upper, std::fs::Permissions::from_mode(0o755)).map_err(file(&upper))?;
    let mut lower = image.lower_dirs(store);
    if private_user {
        idmap::let_through(home, container)?;
        idmap::give(&upper, "snapshot")?;
        lower = idmap::map_layers(container, &lower)?;
    }
    container.will_make(&Made::Mount(rootfs.clone()))?;

    overlay(&lower, &upper, &work, &rootfs, image)?;
    trace::change(
        "mount",
        rootfs.to_string_lossy(),
        json!(null),
        json!(format!("overlay of {} directories", lower.len() + 1)),
    );
    Ok(rootfs)
}

// ANCHOR: overlay
fn overlay(lower: &[PathBuf], upper: &Path, work: &Path, rootfs: &Path, image: &ImageRecord) -> Result<(), Error> {
    // The names of many layers would not fit into one page. From inside the store they are short.
    let base = lower.first().and_then(|layer| layer.parent()?.parent()).map(Path::to_owned).unwrap_or_default();
    let relative: Vec<String> =
        lower.iter().map(|layer| layer.strip_prefix(&base).unwrap_or(layer).to_string_lossy().into_owned()).collect();
    let options = format!("lowerdir={},upperdir={},workdir={}", relative.join(":"), escaped(upper), escaped(work));
    if options.len() > MAX_OPTION_BYTES {
        let reason =
            format!("its {} layers need {} bytes of mount options, and a page has 4096", lower.len(), options.len());
        return Err(Error::Flag { flag: "image", value: image.reference.familiar(), reason });
    }
    chdir(&base).map_err(refused("snapshot"))?;
    let mounted = mount(Some("overlay"), rootfs, Some("overlay"), MsFlags::empty(), Some(&options));
    chdir(Path::new("/")).map_err(refused("snapshot"))?;
    mounted.map_err(refused("snapshot"))
}
// ANCHOR_END: overlay

/// overlayfs splits its options at commas and colons.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "\\\\").replace(',', "\\,").replace(':', "\\:")
}

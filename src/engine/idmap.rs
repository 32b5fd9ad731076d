//! `--userns private`: files of an image for users who are others outside.
//!
//! Man: mount_setattr(2), user_namespaces(7); kernel documentation: filesystems/idmappings.
//!
//! The layers' files belong to the host's root, whom such a container does not know: all would be `nobody`'s to it. An
//! id-mapped mount shows them under the container's numbers, and changes nothing on the disk that others share.

use super::container::Container;
use super::error::{Error, file, refused};
use super::home::Home;
use super::journal::Made;
use crate::sys::{self, mount};
use std::fs::{File, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The container's user 0 outside. The first range that useradd hands out in /etc/subuid, which Docker's userns-remap
/// usually gets: beyond the numbers that useradd gives to users.
pub const FIRST_ID: u32 = 100_000;
/// How many users there are inside.
pub const ID_COUNT: u32 = 65_536;

/// Mounts each layer once more, id-mapped, below the container's directory, and gives where, in the same order.
///
/// overlayfs itself can't be id-mapped, but it takes layers that are.
pub fn map_layers(container: &mut Container, layers: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let call = refused("snapshot");
    let userns = sys::user_namespace(&format!("0 {FIRST_ID} {ID_COUNT}\n")).map_err(&call)?;
    let mut mapped = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let place = container.dir.join("layers").join(number.to_string()).join("fs");
        std::fs::create_dir_all(&place).map_err(file(&place))?;
        container.will_make(&Made::Mount(place.clone()))?;
        let tree = mount::open_tree(layer).map_err(&call)?;
        mount::mount_setattr_idmap(tree.as_fd(), userns.as_fd()).map_err(&call)?;
        mount::move_mount(tree.as_fd(), &place).map_err(&call)?;
        mapped.push(place);
    }
    Ok(mapped)
}

/// Gives a file or directory to the container's root, by the number under which that one writes above the layers.
pub fn give(path: &Path, stage: &'static str) -> Result<(), Error> {
    let open = File::open(path).map_err(file(path))?;
    sys::fchown(&open, FIRST_ID, FIRST_ID).map_err(refused(stage))
}

/// Lets the container's root walk to its tree, and nobody read what lies beside it.
pub fn let_through(home: &Home, container: &Container) -> Result<(), Error> {
    for dir in [&home.run, &home.containers(), &container.dir] {
        let open = File::open(dir).map_err(file(dir))?;
        sys::fchown(&open, 0, FIRST_ID).map_err(refused("snapshot"))?;
        open.set_permissions(Permissions::from_mode(0o710)).map_err(file(dir))?;
    }
    Ok(())
}

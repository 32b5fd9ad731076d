//! Users, groups and the maps between inside and outside.   Man: user_namespaces(7), setresuid(2).

use super::error::{PlanError, invalid, missing};
use super::{IdMap, Namespace};
use crate::sys;
use oci_spec::runtime::{Linux, LinuxIdMapping, User};

/// The most groups the kernel gives a process, see NGROUPS_MAX in getgroups(2).
const MAX_GROUPS: usize = 65_536;
/// The most lines an id map can have, see user_namespaces(7).
const MAX_LINES: usize = 340;

/// A user's or group's number. The highest means "stay who you are" to setresuid(2), and that is root.
pub fn id(field: &'static str, id: u32) -> Result<u32, PlanError> {
    if id == u32::MAX { Err(invalid(field, id, "is no user's number")) } else { Ok(id) }
}

/// The supplementary groups.
pub fn groups(user: &User) -> Result<Vec<u32>, PlanError> {
    let groups = user.additional_gids().as_deref().unwrap_or_default();
    if groups.len() > MAX_GROUPS {
        return Err(invalid("process.user.additionalGids", groups.len(), "are more groups than a process can have"));
    }
    groups.iter().map(|group| id("process.user.additionalGids", *group)).collect()
}

/// The maps for users and groups. With a new user namespace both must be there, and know the program's user; without
/// one nothing would be mapped, and the program would have numbers of the host's that nobody meant.
pub fn maps(linux: &Linux, user: &User, namespaces: &[Namespace]) -> Result<(Vec<IdMap>, Vec<IdMap>), PlanError> {
    let uids = map("linux.uidMappings", linux.uid_mappings().as_deref())?;
    let gids = map("linux.gidMappings", linux.gid_mappings().as_deref())?;
    let is_new = namespaces.iter().any(|namespace| namespace.flag == sys::CLONE_NEWUSER);
    if !is_new {
        let unused = !uids.is_empty() || !gids.is_empty();
        return if unused {
            Err(missing("the user namespace that linux.uidMappings are for"))
        } else {
            Ok((uids, gids))
        };
    }
    for (field, map) in [("linux.uidMappings", &uids), ("linux.gidMappings", &gids)] {
        if map.is_empty() {
            return Err(missing(&format!("{field} of the new user namespace")));
        }
    }
    mapped("process.user.uid", &uids, user.uid())?;
    mapped("process.user.gid", &gids, user.gid())?;
    let groups = user.additional_gids().iter().flatten();
    groups.into_iter().try_for_each(|group| mapped("process.user.additionalGids", &gids, *group))?;
    Ok((uids, gids))
}

fn mapped(field: &'static str, map: &[IdMap], id: u32) -> Result<(), PlanError> {
    let known = map.iter().any(|line| id >= line.inside && id - line.inside < line.length);
    if known { Ok(()) } else { Err(invalid(field, id, "is not in the map of the user namespace")) }
}

fn map(field: &'static str, mappings: Option<&[LinuxIdMapping]>) -> Result<Vec<IdMap>, PlanError> {
    let line = |map: &LinuxIdMapping| IdMap { inside: map.container_id(), outside: map.host_id(), length: map.size() };
    let lines: Vec<IdMap> = mappings.unwrap_or_default().iter().map(line).collect();
    if lines.len() > MAX_LINES {
        return Err(invalid(field, lines.len(), "are more lines than the kernel takes"));
    }
    let overlap = |a: u32, b: u32, one: &IdMap, other: &IdMap| a < b + other.length && b < a + one.length;
    for (at, one) in lines.iter().enumerate() {
        let shown = || format!("{} {} {}", one.inside, one.outside, one.length);
        let fits = |first: u32| first.checked_add(one.length).is_some();
        if one.length == 0 || !fits(one.inside) || !fits(one.outside) {
            return Err(invalid(field, shown(), "is no range of ids"));
        }
        let before = &lines[..at];
        if before.iter().any(|other| {
            overlap(one.inside, other.inside, one, other) || overlap(one.outside, other.outside, one, other)
        }) {
            return Err(invalid(field, shown(), "overlaps with another range"));
        }
    }
    Ok(lines)
}

//! Mount options: words become flags, and what is no known word goes to the filesystem as it is.

use super::Mount;
use super::error::{PlanError, invalid};
use super::text::{absolute, short, strings};
use crate::sys::mount::MsFlags;
use oci_spec::runtime::Mount as SpecMount;
use std::path::Path;

/// The kernel takes the options of a filesystem in one page, with a NUL at its end.
const MAX_DATA_BYTES: usize = 4095;

/// What the options of one mount say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountOptions {
    /// Flags for mount(2).
    pub flags: MsFlags,
    /// What to set the propagation to, in a call of its own.
    pub propagation: Option<MsFlags>,
    /// The rest, for the filesystem.
    pub data: Vec<String>,
}

/// What a word does: sets a flag, clears one, or sets the propagation.
enum Word {
    Set(MsFlags),
    Clear(MsFlags),
    Propagate(MsFlags),
}

fn word(option: &str) -> Option<Word> {
    let shared = |kind: MsFlags, all: bool| Word::Propagate(if all { kind | MsFlags::MS_REC } else { kind });
    Some(match option {
        "defaults" => Word::Set(MsFlags::empty()),
        "ro" => Word::Set(MsFlags::MS_RDONLY),
        "rw" => Word::Clear(MsFlags::MS_RDONLY),
        "nosuid" => Word::Set(MsFlags::MS_NOSUID),
        "suid" => Word::Clear(MsFlags::MS_NOSUID),
        "nodev" => Word::Set(MsFlags::MS_NODEV),
        "dev" => Word::Clear(MsFlags::MS_NODEV),
        "noexec" => Word::Set(MsFlags::MS_NOEXEC),
        "exec" => Word::Clear(MsFlags::MS_NOEXEC),
        "sync" => Word::Set(MsFlags::MS_SYNCHRONOUS),
        "async" => Word::Clear(MsFlags::MS_SYNCHRONOUS),
        "dirsync" => Word::Set(MsFlags::MS_DIRSYNC),
        "noatime" => Word::Set(MsFlags::MS_NOATIME),
        "atime" => Word::Clear(MsFlags::MS_NOATIME),
        "nodiratime" => Word::Set(MsFlags::MS_NODIRATIME),
        "diratime" => Word::Clear(MsFlags::MS_NODIRATIME),
        "relatime" => Word::Set(MsFlags::MS_RELATIME),
        "norelatime" => Word::Clear(MsFlags::MS_RELATIME),
        "strictatime" => Word::Set(MsFlags::MS_STRICTATIME),
        "nostrictatime" => Word::Clear(MsFlags::MS_STRICTATIME),
        "bind" => Word::Set(MsFlags::MS_BIND),
        "rbind" => Word::Set(MsFlags::MS_BIND.union(MsFlags::MS_REC)),
        "private" => shared(MsFlags::MS_PRIVATE, false),
        "rprivate" => shared(MsFlags::MS_PRIVATE, true),
        "slave" => shared(MsFlags::MS_SLAVE, false),
        "rslave" => shared(MsFlags::MS_SLAVE, true),
        "shared" => shared(MsFlags::MS_SHARED, false),
        "rshared" => shared(MsFlags::MS_SHARED, true),
        "unbindable" => shared(MsFlags::MS_UNBINDABLE, false),
        "runbindable" => shared(MsFlags::MS_UNBINDABLE, true),
        _ => return None,
    })
}

impl MountOptions {
    /// Reads the words of one mount, in order: a later one wins.
    pub fn parse<S: AsRef<str>>(options: &[S]) -> MountOptions {
        let mut parsed = MountOptions { flags: MsFlags::empty(), propagation: None, data: Vec::new() };
        for option in options.iter().map(AsRef::as_ref) {
            match word(option) {
                Some(Word::Set(flags)) => parsed.flags |= flags,
                Some(Word::Clear(flags)) => parsed.flags &= !flags,
                Some(Word::Propagate(kind)) => parsed.propagation = Some(kind),
                None => parsed.data.push(option.to_owned()),
            }
        }
        parsed
    }

    /// The data argument of mount(2).
    pub fn data(&self) -> Option<String> {
        (!self.data.is_empty()).then(|| self.data.join(","))
    }
}

/// The propagation that a word such as `rslave` names.
pub fn propagation(option: &str) -> Option<MsFlags> {
    match word(option) {
        Some(Word::Propagate(kind)) => Some(kind),
        _ => None,
    }
}

/// Reads one mount.
pub fn mount(mount: &SpecMount) -> Result<Mount, PlanError> {
    let options = MountOptions::parse(&strings("mounts.options", mount.options().as_deref())?);
    let kind = short("mounts.type", mount.typ().as_deref().unwrap_or("none"))?;
    let source = mount.source().as_ref().map_or_else(|| kind.clone(), |source| source.to_string_lossy().into_owned());
    let source = short("mounts.source", &source)?;
    let destination = absolute("mounts.destination", mount.destination())?;
    if mount.uid_mappings().is_some() || mount.gid_mappings().is_some() {
        return Err(PlanError::Unsupported("mounts.uidMappings"));
    }
    if options.flags.contains(MsFlags::MS_BIND) {
        if !Path::new(&source).is_absolute() {
            return Err(invalid("mounts.source", source, "is not an absolute path"));
        }
        // A bind mount has no filesystem to pass a word to. Left out in silence, `rro` would leave writable what was to
        // be read only.
        if let Some(word) = options.data.first() {
            return Err(invalid("mounts.options", word, "is no option of a bind mount that rlab knows"));
        }
    }
    if options.data().is_some_and(|data| data.len() > MAX_DATA_BYTES) {
        return Err(invalid("mounts.options", destination.display(), "has more options than a page holds"));
    }
    Ok(Mount { destination, kind, source, options })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_flags_and_the_rest_is_data() {
        let parsed = MountOptions::parse(&["nosuid", "ro", "rw", "mode=755", "size=65536k", "rslave"]);
        assert_eq!(parsed.flags, MsFlags::MS_NOSUID);
        assert_eq!(parsed.propagation, Some(MsFlags::MS_SLAVE | MsFlags::MS_REC));
        assert_eq!(parsed.data().as_deref(), Some("mode=755,size=65536k"));
    }
}

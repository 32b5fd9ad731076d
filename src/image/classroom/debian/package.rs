//! From a package file into a layer: dpkg-deb unpacks, each entry is placed where a merged /usr has it.
//!
//! Packages still say `/bin/sh`; on a Debian of today `/bin` is a link to `/usr/bin`, made when the system is installed,
//! by no package. A layer that held both a directory `/bin` and the link would hide one with the other.
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use tar::{Archive, Entry, EntryType};

use super::super::error::{Error, Result};
use super::super::layer::{Attributes, LayerWriter};
use super::apt::{not_started, output};
use super::listing::Package;

/// Directories that became links into /usr.
const MERGED: [&str; 6] = ["bin", "lib", "lib32", "lib64", "libx32", "sbin"];

/// Emptied, as the slim images do: nobody reads manuals in a container.
const EMPTIED: [&str; 4] = ["usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/man"];

/// Emptied too, but copyright notices stay.
const DOC: &str = "usr/share/doc";

/// Directories in the package, links to these on a system that booted once.
pub const REPLACED: [(&str, &str); 2] = [("var/lock", "/run/lock"), ("var/run", "/run")];

/// Unpacks packages into one layer.
pub struct Unpacker<'a> {
    layer: &'a mut LayerWriter,
    /// Files the caller wants to read, by path.
    wanted: &'a [&'static str],
    /// What was found of them.
    pub found: Vec<(&'static str, String)>,
    /// Which links into /usr something was placed behind.
    pub merged: BTreeSet<&'static str>,
}

impl<'a> Unpacker<'a> {
    pub fn new(layer: &'a mut LayerWriter, wanted: &'a [&'static str]) -> Self {
        Self { layer, wanted, found: Vec::new(), merged: BTreeSet::new() }
    }

    /// The files of one package, and its own description where scanners of images look for it.
    pub fn unpack(&mut self, package: &Package, deb: &Path) -> Result<()> {
        let failed = |message| Error::Deb { package: package.name.clone(), message };
        let mut command = Command::new("dpkg-deb");
        command.arg("--fsys-tarfile").arg(deb).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|source| not_started("dpkg-deb", source))?;
        let unpacked = child.stdout.take().map(|stdout| self.entries(stdout, package));
        // dpkg-deb ends by itself: its pipe has been read to the end.
        let status = child.wait().map_err(|source| Error::NotStarted { program: "dpkg-deb", source })?;
        let mtime_s = unpacked.transpose()?.unwrap_or(0);
        if !status.success() {
            return Err(failed(format!("dpkg-deb ended with {status}")));
        }
        let described = output("dpkg-deb", Command::new("dpkg-deb").arg("--field").arg(deb))?;
        for dir in ["var", "var/lib", "var/lib/dpkg", "var/lib/dpkg/status.d"] {
            self.layer.dir(dir, Attributes::root(0o755, mtime_s))?;
        }
        let path = format!("var/lib/dpkg/status.d/{}", package.name);
        let mut text = &described.stdout[..];
        self.layer.file(&path, Attributes::root(0o644, mtime_s), text.len() as u64, &mut text)
    }

    /// Returns the time of the newest entry.
    fn entries(&mut self, tar: impl Read, package: &Package) -> Result<u64> {
        let failed = |source: io::Error| Error::Deb { package: package.name.clone(), message: source.to_string() };
        let mut archive = Archive::new(tar);
        let mut newest_s = 0;
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            newest_s = newest_s.max(entry.header().mtime().map_err(failed)?);
            let path = entry.path().map_err(failed)?.into_owned();
            let is_dir = entry.header().entry_type().is_dir();
            let Some(place) = self.place(&path, is_dir) else { continue };
            let link = entry.link_name().map_err(failed)?.map(|target| target.into_owned());
            // A hard link names a path of this archive, a symbolic one is just text.
            let link = match entry.header().entry_type() {
                EntryType::Link => link.and_then(|target| self.place(&target, false)),
                _ => link,
            };
            self.put(&mut entry, &place, link.as_deref(), package)?;
        }
        // The archive ends before its last block does. Closed now, the pipe would break under dpkg-deb's hands, if it is slow
        // enough to be still writing, and a good package would be called bad.
        io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(failed)?;
        Ok(newest_s)
    }

    fn put<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
        place: &Path,
        link: Option<&Path>,
        of: &Package,
    ) -> Result<()> {
        let header = entry.header().clone();
        let Some(wanted) = self.wanted.iter().find(|wanted| Path::new(wanted) == place) else {
            return self.layer.entry(&header, place, link, entry);
        };
        let mut text = String::new();
        let read = entry.read_to_string(&mut text);
        read.map_err(|source| Error::Deb { package: of.name.clone(), message: source.to_string() })?;
        self.layer.entry(&header, place, link, &mut text.as_bytes())?;
        self.found.push((wanted, text));
        Ok(())
    }

    /// Where an entry goes, and that a link into /usr is needed for it.
    fn place(&mut self, path: &Path, is_dir: bool) -> Option<PathBuf> {
        let (place, merged) = place(path, is_dir)?;
        self.merged.extend(merged);
        Some(place)
    }
}

/// None for what is left out, and for what becomes a link.
fn place(path: &Path, is_dir: bool) -> Option<(PathBuf, Option<&'static str>)> {
    // `./` in front of every path is dropped; a package has no business with `..`.
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let plain: PathBuf =
        parts.map(|part| matches!(part, Component::Normal(_)).then_some(part)).collect::<Option<_>>()?;
    if plain == Path::new("") || is_left_out(&plain) {
        return None;
    }
    let Some(dir) = MERGED.into_iter().find(|dir| plain.starts_with(dir)) else { return Some((plain, None)) };
    // Newer base-files bring the link itself: it is made here for all.
    let is_the_link = plain == Path::new(dir) && !is_dir;
    (!is_the_link).then(|| (Path::new("usr").join(plain), Some(dir)))
}

fn is_left_out(path: &Path) -> bool {
    let inside = |dir: &str| path.strip_prefix(dir).ok().filter(|rest| *rest != Path::new(""));
    let manual = inside(DOC).is_some_and(|rest| rest.components().count() > 1 && !rest.ends_with("copyright"));
    manual
        || EMPTIED.into_iter().any(|dir| inside(dir).is_some())
        || REPLACED.iter().any(|(dir, _)| path.starts_with(dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(path: &str, is_dir: bool) -> Option<String> {
        place(Path::new(path), is_dir).map(|(place, _)| place.display().to_string())
    }

    #[test]
    fn what_was_above_usr_goes_into_it() {
        assert_eq!(at("./bin/sh", false).as_deref(), Some("usr/bin/sh"));
        assert_eq!(at("./lib64/", true).as_deref(), Some("usr/lib64"));
        assert_eq!(at("./bin", false), None);
        assert_eq!(at("./usr/bin/env", false).as_deref(), Some("usr/bin/env"));
        assert_eq!(at("./library", true).as_deref(), Some("library"));
        assert_eq!(at("./", true), None);
    }

    #[test]
    fn manuals_are_left_out_and_copyright_stays() {
        assert_eq!(at("./usr/share/man/man1/ls.1.gz", false), None);
        assert_eq!(at("./usr/share/doc/nginx/changelog.gz", false), None);
        assert!(at("./usr/share/doc/nginx/copyright", false).is_some() && at("./usr/share/doc/nginx", true).is_some());
        assert_eq!(at("./var/run/", true), None);
    }

    proptest! {
        #[test]
        fn nothing_is_placed_outside_the_layer(path in "[./a-z]{0,24}", is_dir: bool) {
            if let Some((place, _)) = place(Path::new(&path), is_dir) {
                prop_assert!(place.components().all(|part| matches!(part, Component::Normal(_))), "{}", place.display());
            }
        }
    }
}

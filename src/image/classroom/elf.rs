//! Which shared libraries a program needs, found as the dynamic loader of this host would find them.
//!
//! The `lab` image is packed on the host that runs it, so the host's own libraries go with the binary. ldd(1) would run
//! the loader on the file; here the file is only read. Order of search: ld.so(8).
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use object::Endianness;
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRTAB, DynamicTag, FileHeader64, PT_LOAD};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

use super::ld_cache;

/// What one ELF file says about what it needs.
#[derive(Debug, Default, PartialEq)]
pub struct Needs {
    /// The loader the kernel starts in the program's place; libraries and static programs have none.
    pub interpreter: Option<PathBuf>,
    /// Sonames, in order.
    pub libraries: Vec<String>,
    /// Directories the file itself wants searched, `$ORIGIN` already replaced.
    pub search: Vec<PathBuf>,
    machine: u16,
}

/// Why the libraries of a program could not be told.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no ELF file that this machine runs.
    #[error("{} is not a 64-bit ELF file: {source}", path.display())]
    NotElf {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: object::Error,
    },
    /// A library is nowhere to be found.
    #[error("{} needs {soname}, which is in none of the loader's directories", by.display())]
    Missing {
        /// The library.
        soname: String,
        /// Who needs it.
        by: PathBuf,
    },
}

/// The loader and all libraries of a program: the name each is asked for by, and the file it is.
#[derive(Debug, Default, PartialEq)]
pub struct Closure {
    /// PT_INTERP: the kernel looks for it at exactly this path.
    pub interpreter: Option<PathBuf>,
    /// Soname → file on this host, sorted, so that two packings are the same.
    pub libraries: BTreeMap<String, PathBuf>,
}

impl Closure {
    /// Where the loader finds them in a tree that has nothing else, without the `/` in front, and which files they are here.
    ///
    /// All go where the C library is: the one directory that the loader is sure to search without a cache.
    pub fn places(&self) -> Vec<(String, &Path)> {
        let libc = self.libraries.iter().find(|(soname, _)| soname.starts_with("libc.so"));
        let home = libc.and_then(|(_, file)| file.parent()).unwrap_or(Path::new("/lib"));
        let inside = |path: &Path| path.to_string_lossy().trim_start_matches('/').to_owned();
        let interpreter = self.interpreter.as_deref();
        let loader = interpreter.map(|path| (inside(path), path));
        // The loader is a library too: where libc asks for it by name, it is there already.
        let is_loader = |soname: &str| interpreter.and_then(Path::file_name).is_some_and(|name| name == soname);
        let others = self.libraries.iter().filter(|(soname, _)| !is_loader(soname));
        let others = others.map(|(soname, file)| (inside(&home.join(soname)), file.as_path()));
        let mut placed: Vec<(String, &Path)> = loader.into_iter().chain(others).collect();
        placed.sort();
        placed
    }
}

/// Follows DT_NEEDED from the program through all its libraries.
pub fn closure(program: &Path) -> Result<Closure, Error> {
    let cache = ld_cache::parse(&fs::read("/etc/ld.so.cache").unwrap_or_default());
    let first = needs(program)?;
    let mut found = Closure { interpreter: first.interpreter.clone(), libraries: BTreeMap::new() };
    let mut open = vec![(program.to_owned(), first)];
    while let Some((path, needs_of)) = open.pop() {
        for soname in &needs_of.libraries {
            if found.libraries.contains_key(soname) {
                continue;
            }
            let (file, needs_of_file) = locate(soname, &needs_of, &cache)
                .ok_or_else(|| Error::Missing { soname: soname.clone(), by: path.clone() })?;
            found.libraries.insert(soname.clone(), file.clone());
            open.push((file, needs_of_file));
        }
    }
    Ok(found)
}

/// The first file of that name made for the same machine: others of the name may be for 32 bits.
fn locate(soname: &str, by: &Needs, cache: &[(String, PathBuf)]) -> Option<(PathBuf, Needs)> {
    let wanted = by.search.iter().map(|dir| dir.join(soname));
    let cached = cache.iter().filter(|(name, _)| name == soname).map(|(_, path)| path.clone());
    let standard = standard_dirs().into_iter().map(|dir| dir.join(soname));
    wanted.chain(cached).chain(standard).find_map(|path| {
        let needs = needs(&path).ok()?;
        (needs.machine == by.machine).then_some((path, needs))
    })
}

/// What loaders have compiled in: Debian's multiarch directories first, then everyone's.
fn standard_dirs() -> Vec<PathBuf> {
    let multiarch = format!("{}-linux-gnu", std::env::consts::ARCH);
    let multiarch = ["/lib", "/usr/lib"].map(|dir| Path::new(dir).join(&multiarch));
    let plain = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(PathBuf::from);
    multiarch.into_iter().chain(plain).collect()
}

fn needs(path: &Path) -> Result<Needs, Error> {
    let data = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let origin = path.parent().unwrap_or(Path::new("/"));
    parse(&data, origin).map_err(|source| Error::NotElf { path: path.to_owned(), source })
}

/// Reads the program headers only, as the kernel and the loader do: a stripped file may have no sections.
fn parse(data: &[u8], origin: &Path) -> Result<Needs, object::Error> {
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let mut needs = Needs { machine: header.e_machine(endian).0, ..Needs::default() };
    let segments = header.program_headers(endian, data)?;
    // The table of names is given by its address in memory; the segment that is loaded there says where in the file.
    let file_offset = |address: u64| {
        segments.iter().filter(|segment| segment.p_type(endian) == PT_LOAD).find_map(|segment| {
            let inside = address.checked_sub(segment.p_vaddr(endian))?;
            if inside < segment.p_filesz(endian) { segment.p_offset(endian).checked_add(inside) } else { None }
        })
    };
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, data)? {
            needs.interpreter = Some(String::from_utf8_lossy(path).into_owned().into());
        }
        let entries = segment.dynamic(endian, data)?.unwrap_or_default();
        let values = |tag: DynamicTag| {
            entries.iter().filter(move |entry| entry.d_tag(endian) == tag).map(move |entry| entry.d_val(endian))
        };
        let names = values(DT_STRTAB).next().and_then(file_offset);
        let name = |offset: u64| c_string(data, names?.checked_add(offset)?);
        needs.libraries.extend(values(DT_NEEDED).filter_map(name));
        // DT_RPATH is not looked at where there is a DT_RUNPATH: ld.so(8).
        let runpath = values(DT_RUNPATH).next().or_else(|| values(DT_RPATH).next()).and_then(name);
        let dirs = runpath.unwrap_or_default();
        needs.search.extend(dirs.split(':').filter(|dir| !dir.is_empty()).map(|dir| expand(dir, origin)));
    }
    Ok(needs)
}

fn c_string(data: &[u8], offset: u64) -> Option<String> {
    let bytes = data.get(usize::try_from(offset).ok()?..)?;
    let end = bytes.iter().position(|&byte| byte == 0)?;
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

fn expand(dir: &str, origin: &Path) -> PathBuf {
    let origin = origin.to_string_lossy();
    dir.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn this_test_needs_the_c_library_and_a_loader() {
        let exe = std::env::current_exe().unwrap();
        let found = closure(&exe).unwrap();
        assert!(found.libraries.contains_key("libc.so.6"), "{found:?}");
        assert!(found.interpreter.unwrap().exists());
        assert!(found.libraries.values().all(|file| file.exists()));
    }

    #[test]
    fn a_text_file_is_no_program() {
        assert!(matches!(closure(Path::new("/etc/passwd")), Err(Error::NotElf { .. })));
        assert!(matches!(closure(Path::new("/no/such")), Err(Error::Read { .. })));
    }

    #[test]
    fn origin_is_the_directory_of_the_file() {
        assert_eq!(expand("$ORIGIN/../lib", Path::new("/opt/x/bin")), Path::new("/opt/x/bin/../lib"));
        assert_eq!(expand("${ORIGIN}", Path::new("/a")), Path::new("/a"));
    }

    proptest! {
        #[test]
        fn a_damaged_program_is_read_without_harm(
            head in proptest::collection::vec((0usize..1024, any::<u8>()), 0..2),
            body in proptest::collection::vec((1024usize..60_000, any::<u8>()), 0..4000),
            len in 0usize..200_000,
        ) {
            let mut data = fs::read("/bin/true").unwrap();
            data.truncate(len);
            for (at, byte) in head.into_iter().chain(body) {
                if let Some(place) = data.get_mut(at) {
                    *place = byte;
                }
            }
            let _ = parse(&data, Path::new("/"));
        }
    }
}

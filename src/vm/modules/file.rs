//! One module's file: unpacked, and what it says of itself.
use std::fs;
use std::path::Path;

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader;

use super::Error;
use crate::image::unpack::decompress;
use crate::sys::{Ended, Program, find_program, spawn};

/// What a module says of itself in its section `.modinfo`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// The first word of `vermagic`: the kernel it was made for.
    pub release: String,
    /// The modules whose symbols it uses.
    pub depends: Vec<String>,
    /// Those it asks to be there before it, without using their symbols.
    pub before: Vec<String>,
}

impl Info {
    /// Reads the section of a module's content. `path` is for the error.
    pub fn read(content: &[u8], path: &Path) -> Result<Self, Error> {
        let bad = |problem: String| Error::NotAModule { path: path.to_owned(), problem };
        let section = modinfo(content).map_err(|error| bad(error.to_string()))?;
        Ok(Self::parse(section.ok_or_else(|| bad("it has no section .modinfo".to_owned()))?))
    }

    /// `KEY=VALUE`, each with a NUL at its end.
    fn parse(section: &[u8]) -> Self {
        let mut info = Self::default();
        for entry in section.split(|byte| *byte == 0) {
            let entry = String::from_utf8_lossy(entry);
            match entry.split_once('=') {
                Some(("vermagic", value)) => info.release = value.split(' ').next().unwrap_or_default().to_owned(),
                Some(("depends", value)) => {
                    info.depends.extend(value.split(',').filter(|name| !name.is_empty()).map(str::to_owned));
                }
                Some(("softdep", value)) => info.before.extend(pre(value)),
                _ => {}
            }
        }
        info
    }
}

/// `pre: a b post: c`, see modprobe.d(5).
fn pre(softdep: &str) -> Vec<String> {
    let mut is_pre = false;
    let mut found = Vec::new();
    for word in softdep.split_whitespace() {
        match word {
            "pre:" => is_pre = true,
            "post:" => is_pre = false,
            name if is_pre => found.push(name.to_owned()),
            _ => {}
        }
    }
    found
}

fn modinfo(content: &[u8]) -> Result<Option<&[u8]>, object::Error> {
    use object::read::elf::SectionHeader;
    let header = FileHeader64::<Endianness>::parse(content)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, content)?;
    let section = sections.section_by_name(endian, b".modinfo");
    section.map(|(_, section)| section.data(endian, content)).transpose()
}

/// The content of a module's file as the kernel wants it. The guest has no program to unpack one with.
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let failed = |problem: String| Error::Unpack { path: path.to_owned(), problem };
    if bytes.starts_with(b"\xfd7zXZ\0") {
        return by_xz(path);
    }
    let (_, mut stream) = decompress(&bytes[..]).map_err(|error| failed(error.to_string()))?;
    let mut content = Vec::new();
    stream.read_to_end(&mut content).map_err(|error| failed(error.to_string()))?;
    Ok(content)
}

fn by_xz(path: &Path) -> Result<Vec<u8>, Error> {
    let xz = find_program("xz").ok_or_else(|| Error::NoXz { path: path.to_owned() })?;
    let file = path.to_string_lossy().into_owned();
    let args = ["xz", "--decompress", "--stdout", "--"].map(str::to_owned).into_iter().chain([file]).collect();
    let child = spawn(&Program {
        path: &xz,
        args,
        env: vec!["LC_ALL=C".to_owned()],
        stays: false,
        dies_with_us: false,
        keeps: &[],
    })?;
    let output = child.finish(b"")?;
    if output.ended == Ended::Exited(0) {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Unpack { path: path.to_owned(), problem: words })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An ELF file with the sections `.modinfo` and `.shstrtab` and nothing else.
    pub fn module(entries: &[&str]) -> Vec<u8> {
        let info: Vec<u8> = entries.iter().flat_map(|entry| entry.bytes().chain([0])).collect();
        let names = b"\0.modinfo\0.shstrtab\0";
        let mut data = vec![0; 64];
        data[..20].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\x3e\0");
        data[52] = 64; // e_ehsize
        data[58] = 64; // e_shentsize
        data[60] = 3; // e_shnum
        data[62] = 2; // e_shstrndx
        let at = data.len();
        data.extend(&info);
        data.extend(names);
        let table = data.len() as u64;
        data[40..48].copy_from_slice(&table.to_le_bytes());
        data.extend([0; 64]);
        for (name, kind, offset, size) in [(1u32, 1u32, at, info.len()), (10, 3, at + info.len(), names.len())] {
            let mut section = [0; 64];
            section[..4].copy_from_slice(&name.to_le_bytes());
            section[4..8].copy_from_slice(&kind.to_le_bytes());
            section[24..32].copy_from_slice(&(offset as u64).to_le_bytes());
            section[32..40].copy_from_slice(&(size as u64).to_le_bytes());
            data.extend(section);
        }
        data
    }

    #[test]
    fn a_module_says_what_it_needs() {
        let entries =
            ["license=GPL", "depends=a,b-c", "vermagic=6.1.0 SMP", "softdep=pre: d post: e", "softdep=pre: f"];
        let info = Info::read(&module(&entries), Path::new("x")).unwrap();
        assert_eq!(
            (info.release.as_str(), info.depends, info.before),
            ("6.1.0", vec!["a".into(), "b-c".into()], vec!["d".into(), "f".into()])
        );
        assert_eq!(Info::parse(b"depends=\0").depends, [""; 0]);
    }

    #[test]
    fn what_is_no_module_is_said_to_be_none() {
        let program = fs::read("/bin/true").unwrap();
        for (content, told) in [(&program[..], "no section .modinfo"), (b"text", "header")] {
            let error = Info::read(content, Path::new("/x.ko")).unwrap_err();
            assert!(error.to_string().contains(told), "{error}");
        }
    }

    #[test]
    fn packed_modules_are_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let content = module(&["depends="]);
        let pack = |program: &str, args: &[&str], ending: &str| {
            let plain = dir.path().join("m.ko");
            fs::write(&plain, &content).unwrap();
            let Ok(output) = std::process::Command::new(program).args(args).arg(&plain).output() else {
                return crate::skip::aloud(format!("there is no program {program}: apt install xz-utils gzip"));
            };
            let path = dir.path().join(format!("m.ko{ending}"));
            fs::write(&path, output.stdout).unwrap();
            assert_eq!(read(&path).unwrap(), content, "{ending}");
        };
        pack("xz", &["-c", "--check=crc32"], ".xz");
        pack("gzip", &["-c"], ".gz");
        pack("cat", &[], "");
        let zst = dir.path().join("m.ko.zst");
        fs::write(&zst, ruzstd::encoding::compress_to_vec(&content[..], ruzstd::encoding::CompressionLevel::Fastest))
            .unwrap();
        assert_eq!(read(&zst).unwrap(), content);
        let damaged = dir.path().join("d.ko.xz");
        fs::write(&damaged, b"\xfd7zXZ\0damaged").unwrap();
        assert!(matches!(read(&damaged), Err(Error::Unpack { .. } | Error::NoXz { .. })));
    }

    proptest! {
        #[test]
        fn a_damaged_module_is_read_without_harm(
            changed in proptest::collection::vec((0usize..400, any::<u8>()), 0..12),
            len in 0usize..500,
        ) {
            let mut data = module(&["depends=a,b", "vermagic=1 x", "softdep=pre: a"]);
            for (at, byte) in changed {
                if let Some(place) = data.get_mut(at) {
                    *place = byte;
                }
            }
            data.truncate(len);
            let _ = Info::read(&data, Path::new("x"));
        }
    }
}

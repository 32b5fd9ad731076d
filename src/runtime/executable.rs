//! Why the kernel would not run a file that is there, by what is in it.
//!
//! A script names its interpreter after `#!`, a dynamically linked program names its loader. Either may be missing, and
//! then it is the program of which execve(2) says that there is no such file.

use super::error::Look;
use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};
use std::io::Read;
use std::path::{Path, PathBuf};

/// What is wrong, and how it is seen.
type Found = Option<(String, Box<Look>)>;

/// Enough for a first line, and for the headers of a program, which are at the beginning of nearly every one.
const BEGINNING: u64 = 64 * 1024;

/// ENOENT for a file that is there.
pub fn missing(program: &Path) -> Found {
    let content = beginning(program)?;
    let Some(interpreter) = interpreter(&content) else { return missing_loader(program, &content) };
    if let Some(bare) = interpreter.to_str().and_then(|name| name.strip_suffix('\r')) {
        let why = format!(
            "the script's first line ends in a carriage return, as on Windows, so its interpreter is {bare} with one more \
             letter, and that is not in the image"
        );
        return Some((why, look("head -n 1 {} | cat -A", program)));
    }
    if interpreter.exists() {
        // The interpreter is a program, too, and it may lack its loader.
        return missing_loader(&interpreter, &beginning(&interpreter)?);
    }
    let why = format!("the script's interpreter {} is not in the image", interpreter.display());
    Some((why, look("ls -l -d {}", &interpreter)))
}

fn missing_loader(program: &Path, content: &[u8]) -> Found {
    let loader = loader(content)?;
    let why = format!(
        "the loader that {} was linked for, {}, is not in the image (another C library?)",
        program.display(),
        loader.display()
    );
    (!loader.exists()).then(|| (why, look("ls -l -d {}", &loader)))
}

/// ENOEXEC: nothing that the kernel knows how to run.
pub fn foreign(program: &Path) -> Found {
    let content = beginning(program)?;
    if let Some(interpreter) = interpreter(&content) {
        return foreign(&interpreter);
    }
    let Some(machine) = machine(&content) else {
        let why = if content.is_empty() {
            "the file is empty"
        } else {
            "it is no program, and no script with #! in its first line"
        };
        return Some((why.to_owned(), look("head -c 64 {} | od -c | head -n 4", program)));
    };
    let own = machine_of_host();
    if Some(machine) == own {
        return Some(("its headers are damaged, or cut off".to_owned(), look("ls -l -d {}", program)));
    }
    let why = format!(
        "it is a program for {} processors, and this one is {}",
        machine_name(machine),
        own.map_or(std::env::consts::ARCH.to_owned(), machine_name)
    );
    Some((why, look("od -An -tu2 -j18 -N2 {}; uname -m", program)))
}

/// EACCES for a file with an execute bit: a bit for others, a mount that forbids it, or an interpreter without one.
pub fn denied(program: &Path) -> Found {
    if crate::sys::facts::is_noexec(program) {
        let why = "it lies on a mount with noexec, from which nothing is run".to_owned();
        return Some((why, look("findmnt -n -o TARGET,OPTIONS -T {}", program)));
    }
    if let Some(interpreter) = beginning(program).and_then(|content| interpreter(&content)).filter(|file| file.exists())
    {
        let why = format!("its interpreter {} may not be run by this user", interpreter.display());
        return Some((why, look("ls -l -d {}", &interpreter)));
    }
    Some(("its mode lets others run it, not this user".to_owned(), look("ls -l -d {}", program)))
}

/// The file after `#!`, with a carriage return if one is there: the kernel takes it as part of the name.
fn interpreter(content: &[u8]) -> Option<PathBuf> {
    let line = content.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let name = line.split([' ', '\t']).find(|word| !word.is_empty())?;
    Some(PathBuf::from(name))
}

fn loader(content: &[u8]) -> Option<PathBuf> {
    let header = elf::FileHeader64::<object::Endianness>::parse(content).ok()?;
    let endian = header.endian().ok()?;
    let headers = header.program_headers(endian, content).ok()?;
    let loader = headers.iter().find_map(|part| part.interpreter(endian, content).ok().flatten())?;
    Some(PathBuf::from(String::from_utf8_lossy(loader).into_owned()))
}

/// `e_machine` of an ELF file, at the same place whether it is of 32 or of 64 bits; see elf(5).
fn machine(content: &[u8]) -> Option<u16> {
    let bytes: [u8; 2] = content.strip_prefix(b"\x7fELF").and_then(|_| content.get(18..20)?.try_into().ok())?;
    let big_endian = content.get(5) == Some(&2);
    Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
}

fn machine_of_host() -> Option<u16> {
    machine(&beginning(Path::new("/proc/self/exe"))?)
}

fn machine_name(machine: u16) -> String {
    let name = match object::elf::Machine(machine) {
        elf::EM_386 => "x86 (32 bits)",
        elf::EM_X86_64 => "x86-64",
        elf::EM_ARM => "ARM (32 bits)",
        elf::EM_AARCH64 => "ARM64",
        elf::EM_RISCV => "RISC-V",
        elf::EM_S390 => "s390x",
        elf::EM_PPC64 => "PowerPC (64 bits)",
        elf::EM_LOONGARCH => "LoongArch",
        _ => return format!("other (number {machine} in elf.h)"),
    };
    name.to_owned()
}

fn beginning(file: &Path) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(file).ok()?.take(BEGINNING).read_to_end(&mut content).ok()?;
    Some(content)
}

fn look(command: &str, file: &Path) -> Box<Look> {
    // Without links, so that whoever knows where the container's files are on the host can find it there.
    Box::new(Look { command: command.to_owned(), file: file.canonicalize().unwrap_or_else(|_| file.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_interpreter_is_named_as_the_kernel_takes_it() {
        assert_eq!(interpreter(b"#!/bin/sh -e\nx"), Some("/bin/sh".into()));
        assert_eq!(interpreter(b"#! \t/bin/sh\r\nx"), Some("/bin/sh\r".into()));
        assert_eq!((interpreter(b"#!\n"), interpreter(b"/bin/sh")), (None, None));
    }

    #[test]
    fn the_machine_of_a_program_is_read_in_its_own_byte_order() {
        let arm64 = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0";
        assert_eq!(machine(arm64).map(machine_name).as_deref(), Some("ARM64"));
        let s390 = b"\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\x16";
        assert_eq!(machine(s390).map(machine_name).as_deref(), Some("s390x"));
        assert_eq!(machine(b"\x7fELF"), None);
        assert!(machine_of_host().is_some());
    }

    proptest! {
        #[test]
        fn any_beginning_is_read_without_harm(content in proptest::collection::vec(any::<u8>(), 0..80)) {
            for start in [&b"\x7fELF"[..], b"#!", b""] {
                let content = [start, &content].concat();
                let _any = (interpreter(&content), loader(&content), machine(&content));
            }
        }
    }
}

//! A program without what only a debugger reads.
//!
//! A binary that was built for development is mostly debug information. The guest would pay for it twice: in memory, and in
//! time at boot, when the archive is unpacked. Kernel and loader look at the program headers alone, see elf(5).
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, ProgramHeader};

/// Where the ELF header says where the sections are, how many, and which has their names.
const E_SHOFF: std::ops::Range<usize> = 0x28..0x30;
const E_SHNUM_AND_SHSTRNDX: std::ops::Range<usize> = 0x3c..0x40;

/// The file up to the end of its last segment, and no word of sections. What is no ELF file stays as it is.
pub fn without_sections(mut file: Vec<u8>) -> Vec<u8> {
    let Some(end) = end_of_segments(&file).filter(|end| *end <= file.len()) else { return file };
    file.truncate(end);
    for range in [E_SHOFF, E_SHNUM_AND_SHSTRNDX] {
        if let Some(field) = file.get_mut(range) {
            field.fill(0);
        }
    }
    file
}

fn end_of_segments(data: &[u8]) -> Option<usize> {
    let header = FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, data).ok()?;
    let ends = segments.iter().map(|segment| segment.p_offset(endian).checked_add(segment.p_filesz(endian)));
    // None at all in an object file, such as a kernel module: that one is all sections.
    let end = ends.collect::<Option<Vec<u64>>>()?.into_iter().max()?;
    let table = header.e_phoff(endian).checked_add(u64::try_from(std::mem::size_of_val(segments)).ok()?)?;
    usize::try_from(end.max(table)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    /// Set for the slim copy of this test program.
    const SLIM: &str = "RLAB_TEST_SLIM";

    #[test]
    fn this_test_runs_without_its_sections_and_still_says_why_it_fails() {
        assert!(std::env::var_os(SLIM).is_none(), "a panic of the slim program");
        let whole = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let slim = without_sections(whole.clone());
        assert!(slim.len() < whole.len() / 2, "{} of {} bytes left", slim.len(), whole.len());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tests");
        std::fs::write(&path, slim).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        let run = |test: &str| {
            let name = format!("vm::initramfs::slim::tests::{test}");
            Command::new(&path).args(["--exact", &name, "--nocapture"]).env(SLIM, "1").output().unwrap()
        };
        let said = run("this_test_runs_without_its_sections_and_still_says_why_it_fails");
        let text = String::from_utf8_lossy(&said.stderr);
        assert!(!said.status.success() && text.contains("a panic of the slim program"), "{text}");
        assert!(run("what_is_no_program_stays_as_it_is").status.success());
    }

    #[test]
    fn what_is_no_program_stays_as_it_is() {
        assert_eq!(without_sections(b"text".to_vec()), b"text");
        assert_eq!(without_sections(Vec::new()), b"");
    }

    proptest! {
        #[test]
        fn a_damaged_program_never_grows(changed in proptest::collection::vec((0usize..512, any::<u8>()), 0..8), len in 0usize..40_000) {
            let mut data = std::fs::read("/bin/true").unwrap();
            data.truncate(len);
            for (at, byte) in changed {
                if let Some(place) = data.get_mut(at) {
                    *place = byte;
                }
            }
            let before = data.len();
            prop_assert!(without_sections(data).len() <= before);
        }
    }
}

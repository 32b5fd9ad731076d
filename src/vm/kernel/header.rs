//! What a file that shall be a kernel is: told by its own header, before a machine is made to run it.
//!
//! A boot that ends in silence says nothing of the file. Kernel documentation: arch/x86/boot (the header of a bzImage),
//! arch/x86/boot and Xen's ELF notes (PVH, for a kernel that is not compressed).
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, ProgramHeader};

/// As far as a bzImage's header and the text it points to can reach: 64 sectors, and the one in front of them.
pub const HEADER_BYTES: usize = 65 * 512;

/// The note by which an ELF kernel says where a virtual machine may enter it.
const XEN_ELFNOTE_PHYS32_ENTRY: u32 = 18;

/// Why a file is not run as a kernel.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is something else.
    NotAKernel(&'static str),
    /// It is a kernel of another kind of machine.
    Machine(&'static str),
    /// It does not say its release, by which its modules are found.
    Unnamed,
}

use Refusal::{Machine, NotAKernel, Unnamed};

/// Whether the whole file is needed to tell: an ELF kernel has its release anywhere.
pub fn is_elf(start: &[u8]) -> bool {
    start.starts_with(b"\x7fELF")
}

/// The release of the kernel, as uname(2) would say it inside.
pub fn release(data: &[u8]) -> Result<String, Refusal> {
    if data.get(0x202..0x206) == Some(b"HdrS") && number(data, 0x1fe) == Some(0xaa55) {
        return of_bz_image(data);
    }
    if is_elf(data) {
        return of_elf(data);
    }
    match data.get(0x38..0x3c) {
        Some(b"ARM\x64") => return Err(Machine("arm64")),
        Some(b"RSC\x05") => return Err(Machine("riscv64")),
        _ => {}
    }
    Err(match data {
        [] => NotAKernel("an empty file"),
        [b'M', b'Z', ..] => of_pe(data),
        [0x1f, 0x8b, ..] => NotAKernel("a gzip file"),
        [0xfd, b'7', b'z', ..] => NotAKernel("an xz file"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => NotAKernel("a zstd file"),
        [b'0', b'7', b'0', b'7', b'0', ..] => NotAKernel("an initramfs"),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => NotAKernel("a package that is not unpacked"),
        _ => NotAKernel("no file of a kind that a kernel has"),
    })
}

fn number(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(data.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn of_bz_image(data: &[u8]) -> Result<String, Refusal> {
    let protocol = number(data, 0x206).unwrap_or(0);
    // XLF_KERNEL_64, bit 0 of xloadflags, since protocol 2.12: it has an entry for 64 bits, as rlab inside of it is.
    if protocol < 0x20c || number(data, 0x236).is_none_or(|flags| flags & 1 == 0) {
        return Err(Machine("32-bit x86"));
    }
    let text_at = usize::from(number(data, 0x20e).filter(|at| *at != 0).ok_or(Unnamed)?) + 0x200;
    named(data.get(text_at..).ok_or(Unnamed)?)
}

/// The first word: the builder's name and the date come after it. It becomes part of a path.
fn named(text: &[u8]) -> Result<String, Refusal> {
    let end = text.iter().position(|byte| byte.is_ascii_whitespace() || *byte == 0).ok_or(Unnamed)?;
    let word = std::str::from_utf8(&text[..end]).map_err(|_| Unnamed)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte);
    let is_release = word.starts_with(|first: char| first.is_ascii_digit()) && word.bytes().all(plain);
    if is_release && word.len() < 65 { Ok(word.to_owned()) } else { Err(Unnamed) }
}

fn of_elf(data: &[u8]) -> Result<String, Refusal> {
    let Ok(header) = FileHeader64::<Endianness>::parse(data) else { return Err(Machine("32 bits")) };
    let Ok(endian) = header.endian() else { return Err(NotAKernel("a damaged ELF file")) };
    let machine = header.e_machine(endian).0;
    if machine != object::elf::EM_X86_64.0 {
        return Err(Machine(match machine {
            183 => "arm64",
            243 => "riscv64",
            21 => "ppc64",
            22 => "s390x",
            _ => "another processor",
        }));
    }
    let segments = header.program_headers(endian, data).map_err(|_| NotAKernel("a damaged ELF file"))?;
    let is_entry = |segment: &&object::elf::ProgramHeader64<Endianness>| {
        let Ok(Some(mut notes)) = segment.notes(endian, data) else { return false };
        std::iter::from_fn(|| notes.next().ok().flatten())
            .any(|note| note.name() == b"Xen" && note.n_type(endian).0 == XEN_ELFNOTE_PHYS32_ENTRY)
    };
    if !segments.iter().any(|segment| is_entry(&segment)) {
        return Err(NotAKernel("an ELF file without the PVH note, by which a machine would enter it"));
    }
    const BEFORE: &[u8] = b"Linux version ";
    let at = data.windows(BEFORE.len()).position(|window| window == BEFORE).ok_or(Unnamed)?;
    named(&data[at + BEFORE.len()..])
}

/// Kernels of other machines may be EFI programs, and so may be a bundle of kernel and initramfs.
fn of_pe(data: &[u8]) -> Refusal {
    let at = data.get(0x3c..0x40).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    let machine = usize::try_from(at).ok().and_then(|at| number(data, at.checked_add(4)?));
    match machine {
        Some(0xaa64) => Machine("arm64"),
        Some(0x5064) => Machine("riscv64"),
        _ => NotAKernel("an EFI program"),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn bz_image(protocol: u16, flags: u16, text: &[u8]) -> Vec<u8> {
        let mut data = vec![0; 0x3000];
        data[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        data[0x202..0x206].copy_from_slice(b"HdrS");
        data[0x206..0x208].copy_from_slice(&protocol.to_le_bytes());
        data[0x20e..0x210].copy_from_slice(&0x1000u16.to_le_bytes());
        data[0x236..0x238].copy_from_slice(&flags.to_le_bytes());
        data[0x1200..0x1200 + text.len()].copy_from_slice(text);
        data
    }

    #[test]
    fn a_bz_image_says_its_release() {
        let text = b"6.1.0-56-cloud-amd64 (builder@example) #1 SMP\0";
        assert_eq!(release(&bz_image(0x20f, 0x7f, text)).unwrap(), "6.1.0-56-cloud-amd64");
        assert_eq!(release(&bz_image(0x20f, 0x7e, text)), Err(Machine("32-bit x86")));
        assert_eq!(release(&bz_image(0x204, 0x7f, text)), Err(Machine("32-bit x86")));
        for bad in [&b"../../etc (x)\0"[..], b"6.1/../x y\0", b"\0"] {
            assert_eq!(release(&bz_image(0x20f, 1, bad)), Err(Unnamed));
        }
    }

    #[test]
    fn other_files_are_named_for_what_they_are() {
        let mut arm = vec![0; 0x40];
        arm[0x38..].copy_from_slice(b"ARM\x64\0\0\0\0");
        assert_eq!(release(&arm), Err(Machine("arm64")));
        let mut efi = vec![0; 0x100];
        efi[..2].copy_from_slice(b"MZ");
        efi[0x3c] = 0x80;
        assert_eq!(release(&efi), Err(NotAKernel("an EFI program")));
        efi[0x80..0x86].copy_from_slice(b"PE\0\0\x64\xaa");
        assert_eq!(release(&efi), Err(Machine("arm64")));
        assert_eq!(release(b""), Err(NotAKernel("an empty file")));
        assert_eq!(release(b"070701000"), Err(NotAKernel("an initramfs")));
        let program = std::fs::read("/bin/true").unwrap();
        assert!(matches!(release(&program), Err(NotAKernel(what)) if what.contains("PVH")));
        let mut foreign = program;
        foreign[18] = 183;
        assert_eq!(release(&foreign), Err(Machine("arm64")));
    }

    /// An ELF file of one note and a text.
    fn vmlinux() -> Vec<u8> {
        let mut data = vec![0; 64 + 56];
        data[..20].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0");
        data[32] = 64; // e_phoff
        data[54] = 56; // e_phentsize
        data[56] = 1; // e_phnum
        data[64] = 4; // PT_NOTE
        data[72] = 120; // p_offset
        data[96] = 20; // p_filesz
        data[112] = 4; // p_align
        data.extend(b"\x04\0\0\0\x04\0\0\0\x12\0\0\0Xen\0\0\0\x10\0Linux version 6.6.1-pvh (x) \0");
        data
    }

    #[test]
    fn an_elf_kernel_is_known_by_its_note() {
        assert_eq!(release(&vmlinux()).unwrap(), "6.6.1-pvh");
        let mut other = vmlinux();
        other[128] = 17;
        assert!(matches!(release(&other), Err(NotAKernel(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_a_release_is_safe_in_a_path(
            which in 0..3,
            changed in proptest::collection::vec((0usize..0x1240, any::<u8>()), 0..20),
            len in 0usize..0x3000,
        ) {
            let mut data = match which {
                0 => bz_image(0x20f, 1, b"6.1.0 (x)\0"),
                1 => vmlinux(),
                _ => vec![0; 0x1000],
            };
            for (at, byte) in changed {
                if let Some(place) = data.get_mut(at) {
                    *place = byte;
                }
            }
            data.truncate(len);
            if let Ok(release) = release(&data) {
                prop_assert!(!release.contains('/') && !release.starts_with('.') && !release.is_empty());
            }
        }
    }
}

//! What is in the archive, read back by a parser of the test's own.
use super::*;
use std::collections::BTreeMap;

/// Mode, device and content of one entry.
type Entry = (u32, (u32, u32), Vec<u8>);

/// All entries by name; in the archive no entry may come before its directory.
fn entries(archive: &[u8]) -> BTreeMap<String, Entry> {
    let mut found: BTreeMap<String, Entry> = BTreeMap::new();
    let mut at = 0;
    loop {
        assert_eq!(&archive[at..at + 6], b"070701");
        let field = |number: usize| {
            let text = std::str::from_utf8(&archive[at + 6 + number * 8..][..8]).unwrap();
            u32::from_str_radix(text, 16).unwrap()
        };
        let (name_size, size) = (field(11) as usize, field(6) as usize);
        let name = String::from_utf8(archive[at + 110..at + 110 + name_size - 1].to_vec()).unwrap();
        let content = (at + 110 + name_size).next_multiple_of(4);
        if name == "TRAILER!!!" {
            assert_eq!(content, archive.len());
            return found;
        }
        let parent = name.rsplit_once('/').map(|(parent, _)| parent);
        assert!(parent.is_none_or(|parent| found[parent].0 == 0o040_755), "{name}");
        assert_eq!((field(2), field(3), field(5)), (0, 0, 0), "owner and time of {name}");
        let entry = (field(1), (field(9), field(10)), archive[content..content + size].to_vec());
        assert!(found.insert(name, entry).is_none());
        at = (content + size).next_multiple_of(4);
    }
}

fn modules() -> Vec<Module> {
    ["virtio", "virtio_pci"]
        .map(|name| Module { name: name.to_owned(), path: name.into(), content: name.into() })
        .into()
}

#[test]
fn the_guest_gets_its_program_libraries_drivers_and_a_console() {
    let cache = tempfile::tempdir().unwrap();
    let made = make(cache.path(), &modules(), Path::new("/bin/sh")).unwrap();
    let archive = fs::read(&made.path).unwrap();
    assert_eq!((made.made, made.size_bytes), (true, archive.len() as u64));
    let entries = entries(&archive);
    assert_eq!(entries["dev/console"], (0o020_600, (5, 1), vec![]));
    assert_eq!(entries["modules/0000-virtio.ko"], (0o100_644, (0, 0), b"virtio".to_vec()));
    assert_eq!(entries["modules/0001-virtio_pci.ko"].2, b"virtio_pci");
    assert!(entries["rlab"].2.starts_with(b"\x7fELF") && entries["rlab"].0 == 0o100_755);
    assert!(entries.keys().any(|name| name.ends_with("/libc.so.6")), "{:?}", entries.keys());
    let loader = elf::closure(Path::new("/bin/sh")).unwrap().interpreter.unwrap();
    assert!(entries.contains_key(loader.to_str().unwrap().trim_start_matches('/')));
}

#[test]
fn the_second_time_it_is_there_and_other_modules_make_another() {
    let cache = tempfile::tempdir().unwrap();
    let binary = Path::new("/bin/true");
    let first = make(cache.path(), &modules(), binary).unwrap();
    let second = make(cache.path(), &modules(), binary).unwrap();
    assert_eq!(second, Initramfs { made: false, ..first.clone() });
    let other = make(cache.path(), &modules()[1..], binary).unwrap();
    assert!(other.made && other.path != first.path);
    let elsewhere = tempfile::tempdir().unwrap();
    let again = make(elsewhere.path(), &modules(), binary).unwrap();
    assert_eq!(fs::read(first.path).unwrap(), fs::read(again.path).unwrap());
    assert!(!cache.path().join("initramfs/unfinished").exists());
}

#[test]
fn only_a_few_are_kept_and_nothing_half_done() {
    let cache = tempfile::tempdir().unwrap();
    let make = |content: &str| {
        let module = Module { name: "m".to_owned(), path: "m".into(), content: content.into() };
        make(cache.path(), &[module], Path::new("/bin/true")).unwrap()
    };
    let made: Vec<Initramfs> = ["1", "2", "3", "4"].map(make).into();
    fs::write(cache.path().join("initramfs/unfinished"), "of an rlab that was killed").unwrap();
    assert!(!make("1").made); // so the second is the one that was not used for longest
    make("5");
    let there: Vec<bool> = made.iter().map(|one| one.path.exists()).collect();
    assert_eq!(there, [true, false, true, true]);
    assert!(!cache.path().join("initramfs/unfinished").exists());
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let error = make(cache.path(), &[], Path::new("/no/such")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read /no/such"), "{error}");
    let text = cache.path().join("text");
    fs::write(&text, "no program").unwrap();
    assert!(matches!(make(cache.path(), &[], &text), Err(Error::Libraries(_))));
    fs::remove_dir_all(cache.path().join("initramfs")).unwrap();
    fs::write(cache.path().join("initramfs"), "").unwrap();
    assert!(matches!(make(cache.path(), &[], Path::new("/bin/true")), Err(Error::Write { .. })));
}

//! The log's reader, held against the log of a real boot: Debian's cloud kernel in QEMU with a virtio disk.

use super::*;
use proptest::prelude::*;

/// As the serial console gave it; the first program loaded the virtio drivers and mounted the disk.
const REAL: &str = include_str!("console.txt");

fn line(at_us: u64, text: &str) -> Line {
    Line { at_us, text: text.to_owned() }
}

#[test]
fn of_the_console_only_what_the_kernel_said_is_read() {
    let text = "SeaBIOS (version 1.16)\r\nProbing EDD (edd=off to disable)... ok\r\n[    0.000000] Linux version 6\r\n\
                [   12.345678][    T1]   indented\r\n[    1.5] no\n[drm] no\n[1.000000]\n\u{1b}c[    2.000000] no\n";
    let wanted = [line(0, "Linux version 6"), line(12_345_678, "  indented"), line(1_000_000, "")];
    assert_eq!(parse_console(text), wanted);
}

#[test]
fn a_real_boot_is_told_by_subject() {
    let lines = parse_console(REAL);
    assert_eq!(lines.len(), 341);
    let groups = groups(&lines);
    let named = |name: &str| groups.iter().find(|group| group.name == name).unwrap_or_else(|| panic!("no {name}"));
    let names: Vec<&str> = groups.iter().map(|group| group.name).filter(|name| *name != subjects::OTHER).collect();
    let wanted = ["kernel", "memory", "firmware", "CPU", "security", "filesystems", "devices", "network", "init"];
    assert_eq!(names, wanted);
    assert_eq!(named("kernel").told, "Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org) (gc…");
    assert!(named("memory").told.starts_with("Memory: 2"), "{groups:?}");
    assert!(named("CPU").told.starts_with("smpboot: CPU0: AMD QEMU TCG CPU"), "{groups:?}");
    assert!(named("devices").told.starts_with("virtio_blk virtio0: [vda] 32768 512-byte logical"), "{groups:?}");
    assert!(named("filesystems").told.starts_with("EXT4-fs (vda): mounted filesystem"), "{groups:?}");
    assert_eq!(named("init").told, "Run /init as init process");
    // The indented lines belong to what they are under: zones, nodes, read-copy-update's variants.
    assert!(groups.iter().all(|group| group.name != subjects::OTHER || group.lines <= 7), "{groups:?}");
}

#[test]
fn hardly_a_line_of_a_real_boot_is_about_nothing_known() {
    let lines = parse_console(REAL);
    let unknown: Vec<&str> = lines
        .iter()
        .map(|line| line.text.as_str())
        .filter(|text| subjects::of(text, subjects::OTHER) == subjects::OTHER)
        .collect();
    let unknown: Vec<&&str> = unknown.iter().filter(|text| !text.starts_with(' ')).collect();
    assert!(unknown.len() * 50 <= lines.len(), "{unknown:#?}");
}

#[test]
fn the_time_before_a_line_is_that_lines() {
    let lines = [
        line(1_000, "Linux version 6"),
        line(5_000, "Memory: 1K"),
        line(6_000, "smpboot: x"),
        line(9_000, "Freeing initrd memory: 1K"),
        line(9_500, "Memory: later"),
    ];
    let took: Vec<(&str, u64, u64)> = groups(&lines).iter().map(|one| (one.name, one.from_us, one.took_us)).collect();
    let wanted = [("kernel", 1_000, 0), ("memory", 5_000, 4_500), ("CPU", 6_000, 1_000), ("filesystems", 9_000, 3_000)];
    assert_eq!(took, wanted);
}

/// What a guest that is not to be trusted may write.
fn foreign() -> impl Strategy<Value = String> {
    let near = "(\\[ {0,4}[0-9]{1,20}\\.[0-9]{6}\\]( |\\[ +T1\\])?.{0,40}\r?\n){0,12}";
    prop_oneof![near, any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()), ".{0,200}"]
}

proptest! {
    #[test]
    fn any_bytes_become_lines_that_no_terminal_obeys(text in foreign()) {
        let lines = parse_console(&text);
        prop_assert!(lines.len() <= text.lines().count());
        for line in &lines {
            prop_assert!(!line.text.chars().any(char::is_control), "{line:?}");
        }
    }

    #[test]
    fn each_line_is_in_one_group_and_the_order_of_time_is_kept(
        steps in prop::collection::vec((0u64..1 << 40, "(Memory: |smpboot: | |NET: |foo |Run /)[a-zé ]{0,90}"), 0..40)
    ) {
        let mut at_us = 0;
        let lines: Vec<Line> = steps.iter().map(|(step, text)| { at_us += step; line(at_us, text) }).collect();
        let groups = groups(&lines);
        prop_assert_eq!(groups.iter().map(|group| group.lines).sum::<usize>(), lines.len());
        prop_assert!(groups.is_sorted_by_key(|group| group.from_us));
        let whole = lines.last().map_or(0, |last| last.at_us - lines[0].at_us);
        prop_assert_eq!(groups.iter().map(|group| group.took_us).sum::<u64>(), whole);
        prop_assert!(groups.iter().all(|group| group.told.chars().count() <= TOLD_CHARS));
    }
}

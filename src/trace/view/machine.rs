//! A machine in the story: its kernel, its disk, its parts, and what its kernel's log said, a row each.

use super::layout::{cut, pieces, shortened};
use super::work::Fields;
use crate::trace::texts::english;

/// How wide QEMU's words for a part may be, so that the columns beside them fit.
const WORDS: usize = 40;
/// How wide a path may be beside what is told of its file.
const PATH: usize = 50;
/// How much of a line of a kernel's log is shown: one line of its column.
const TOLD: usize = 42;

/// The row of a piece of work.
pub fn row(work: &str, fields: &Fields<'_>) -> Vec<String> {
    let path = || fill(&shortened(&fields.text("path")), PATH, "");
    match work {
        "guest_kernel" => {
            let path = format!("Linux {}\n{}", fields.text("release"), path());
            vec!["kernel".to_owned(), fields.bytes("size"), fields.text("came"), path]
        }
        "initramfs" => vec!["initramfs".to_owned(), fields.bytes("size"), fields.text("came"), path()],
        "drivers" => vec![format!("drivers (virtio: devices made for guests): {}", fields.text("names"))],
        "disk" => {
            let holds = [Some(fields.bytes("size")), fields.count("files", "files")];
            vec![holds.into_iter().flatten().collect::<Vec<_>>().join(", "), fields.text("came"), path()]
        }
        "part" => {
            let part = fields.text("part");
            let twin = english().parts.get(&part).cloned().unwrap_or_default();
            vec![part, folded(&shortened(&fields.text("args"))), twin]
        }
        "boot" => vec![
            fields.text("group"),
            fields.millis("took_ms"),
            fields.count("lines", "lines").unwrap_or_default(),
            cut(&fields.text("told"), TOLD),
        ],
        "answer" => {
            let after = format!("after {}", fields.millis("after_ms"));
            vec![fields.text("url"), fields.text("status"), after]
        }
        // A program, instruction by instruction.
        _ => ["at", "bytes", "label", "words", "says"].map(|name| fields.text(name)).to_vec(),
    }
}

/// The rows of a table, with what stands above them where they don't speak for themselves.
pub fn table(work: &str, mut rows: Vec<Vec<String>>, stable: bool) -> Vec<Vec<String>> {
    let heads: &[&str] = match work {
        "part" => {
            // Of one part, what it is stands once.
            for at in (1..rows.len()).rev() {
                if rows[at][0] == rows[at - 1][0] {
                    (rows[at][0], rows[at][2]) = (String::new(), String::new());
                }
            }
            &["part", "as QEMU is told", "in a container"]
        }
        "boot" => {
            // What took longest first: that is what one looks for. Where times are hidden, the kernel's own order.
            let took = |row: &[String]| row[1].split(' ').next().and_then(|number| number.parse::<u64>().ok());
            if !stable {
                rows.sort_by_key(|row| std::cmp::Reverse(took(row)));
            }
            &["about", "took", "log", "of which one says"]
        }
        _ => return rows,
    };
    rows.insert(0, heads.iter().map(|head| (*head).to_owned()).collect());
    rows
}

/// Rows of these belong into one table.
pub fn table_of(work: &str) -> &str {
    if work == "initramfs" { "guest_kernel" } else { work }
}

/// QEMU's words, an option a line, and a long one broken where it has a comma, before they push the other columns away.
fn folded(args: &str) -> String {
    // Each option with its value; `--` is a word of the kernel's command line.
    let mut words: Vec<String> = vec![];
    for word in args.split(' ') {
        match words.last_mut() {
            Some(option) if !word.starts_with('-') || word == "--" => *option += &format!(" {word}"),
            _ => words.push(word.to_owned()),
        }
    }
    // Short ones share a line.
    words.dedup_by(|next, line| {
        let fits = line.len() + 1 + next.len() <= WORDS;
        if fits {
            *line += &format!(" {next}");
        }
        fits
    });
    words.iter().map(|option| fill(option, WORDS, "  ")).collect::<Vec<_>>().join("\n")
}

/// Lines of this width, broken where a path or an option has a joint.
fn fill(text: &str, width: usize, indent: &str) -> String {
    let options = textwrap::Options::new(width)
        .break_words(true)
        .subsequent_indent(indent)
        .word_separator(textwrap::WordSeparator::Custom(pieces))
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(text, options)
}

#[cfg(test)]
mod tests {
    use super::super::{Block, Style, story};
    use crate::trace::event::{Actor, Call, Event, Kind, SCHEMA_VERSION};
    use serde_json::{Value, json};

    fn told(stage: &'static str, works: &[(&'static str, Value)], stable: bool) -> String {
        let worked = |(work, with): &(&'static str, Value)| {
            let Value::Object(with) = with.clone() else { unreachable!() };
            Kind::Work { work: (*work).into(), with }
        };
        block(stage, works.iter().map(worked).collect(), stable)
    }

    fn called(stage: &'static str, calls: Vec<Call>) -> String {
        let made = |call| Kind::Call { call, ret: Some(0), errno: None, dur_ns: 1, injected: false };
        block(stage, calls.into_iter().map(made).collect(), false)
    }

    fn block(stage: &'static str, mut kinds: Vec<Kind>, stable: bool) -> String {
        kinds.push(Kind::Leave { dur_ns: 2_000_000, failed: false });
        let event =
            |kind| Event { v: SCHEMA_VERSION, seq: 1, t_ns: 0, actor: Actor::Vm, pid: 1, stage: stage.into(), kind };
        let events = kinds.into_iter().map(event).collect();
        let block = Block { number: 1, stage: stage.into(), events, complete: true, of_machine: true };
        let text = story::block(&block, &Style { width: 80, colour: false, stable });
        for line in text.lines() {
            assert!(line.chars().count() <= 80 && !line.ends_with(' '), "{line:?}");
        }
        text
    }

    #[test]
    fn the_parts_of_a_machine_stand_beside_what_a_container_has() {
        let part = |part: &str, args: &str| ("part", json!({"part": part, "args": args}));
        let digest = "0123456789abcdef".repeat(4);
        let drive = format!(
            "-drive if=none,id=disk,format=raw,readonly=on,file=/var/lib/rlab/vm/disks/{digest}.ext4 -device virtio-blk-pci,drive=disk"
        );
        let parts = ["machine", "accelerator", "processor", "channel", "console", "kernel", "share", "balloon"];
        let mut works: Vec<_> = parts.iter().map(|name| part(name, "-words")).collect();
        works.extend([
            part("memory", "-m 512M"),
            part("disk", &drive),
            part("network", "-netdev user,id=net -device virtio-net-pci"),
        ]);
        let text = told("machine", &works, false);
        assert!(text.contains("In a container   config.json"), "{text}");
        let rows: Vec<&str> = text.lines().filter(|line| line.contains("-words")).collect();
        assert_eq!(rows.len(), parts.len(), "{text}");
        let has = |row: &str| text.lines().any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") == row);
        assert!(has("memory -m 512M cgroup memory limit"), "{text}");
        assert!(has("disk -drive if=none,id=disk,format=raw, overlayfs"), "{text}");
        assert!(has("-device virtio-blk-pci,drive=disk"), "an option a line: {text}");
        assert!(has("part as QEMU is told in a container"), "{text}");
        assert!(text.contains("0123456789ab….ext4"), "{text}");
        assert!(has("network -netdev user,id=net veth pair, bridge"), "an option keeps its value: {text}");
    }

    #[test]
    fn a_kernel_s_log_is_a_table_of_what_it_met() {
        let group = |group: &str, lines: u64, told: &str| {
            ("boot", json!({"group": group, "lines": lines, "from_ms": 12, "took_ms": 340, "told": told}))
        };
        let mut works: Vec<_> = ["CPU", "memory", "devices", "filesystems", "init", "network", "clock", "console"]
            .map(|name| group(name, 20, "virtio_blk virtio1: [vda] 409600 512-byte logical blocks (210 MB/200 MiB)"))
            .into();
        works.push(("boot", json!({"group": "other", "lines": 1, "from_ms": 9, "took_ms": 1341, "told": "last"})));
        let text = told("boot", &works, false);
        assert!(!text.contains("more (--explain"), "{text}");
        let rows: Vec<&str> = text.lines().filter(|line| line.contains("  ")).map(str::trim).collect();
        let at = |begin: &str| rows.iter().position(|row| row.starts_with(begin)).unwrap();
        assert!(at("about") < at("other  ") && at("other  ") < at("CPU  "), "the longest first: {text}");
        assert!(text.contains("CPU          340 ms   20 lines  virtio_blk"), "{text}");
        assert_eq!(text.matches("virtio_blk").count(), text.matches("virtio1").count(), "a line each: {text}");
        let text = told("boot", &works, true);
        assert!(text.contains("CPU          (time)  (n) lines  virtio_blk"), "{text}");
        assert!(text.find("CPU  ") < text.find("other  "), "{text}");
    }

    #[test]
    fn of_many_calls_those_are_told_that_make_the_system() {
        let mount = |sort: &str| Call::new("mount").arg("source", sort).arg("target", "/x").arg("filesystemtype", sort);
        let message = |sort: &str| Call::new("sendto").arg("message", json!({"type": sort, "link": "eth0"}));
        let modules = ["a", "b"].map(|name| Call::new("finit_module").arg("fd", name));
        let mut calls = vec![mount("proc"), mount("sysfs")];
        calls.extend(modules);
        calls.extend([mount("ext4"), mount("overlay"), Call::new("sethostname").arg("name", "web")]);
        calls.extend([message("RTM_NEWLINK"), message("RTM_NEWADDR")]);
        let text = called("guest_init", calls);
        for wanted in ["fd=\"a\"", "=\"ext4\"", "=\"overlay\"", "name=\"web\"", "RTM_NEWADDR"] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        for unwanted in ["proc\"", "sysfs", "fd=\"b\"", "RTM_NEWLINK"] {
            assert!(!text.contains(unwanted), "{unwanted}: {text}");
        }
        let started = |accel: &str| Call::new("execve").path("pathname", "/bin/qemu").arg("argv", json!([accel]));
        let text = called("machine", vec![started("kvm"), started("tcg")]);
        assert!(text.contains("tcg") && !text.contains("kvm"), "one that was only tried: {text}");
    }

    #[test]
    fn kernel_disk_and_answer_are_a_line_each() {
        let kernel =
            json!({"release": "6.1.0-40-cloud-amd64", "path": "/boot/vmlinuz", "size": 8_200_000, "came": "kept"});
        let initramfs = json!({"path": "/i", "size": 900_000, "came": "made"});
        let drivers = json!({"names": "virtio_pci virtio_blk"});
        let works = [("guest_kernel", kernel), ("initramfs", initramfs), ("drivers", drivers)];
        let text = told("kernel", &works, false);
        assert!(
            text.contains(
                "kernel     8.2 MB  kept  Linux 6.1.0-40-cloud-amd64\n                            /boot/vmlinuz"
            ),
            "{text}"
        );
        assert!(text.contains("initramfs  900 kB  made  /i"), "{text}");
        assert!(text.contains("guests): virtio_pci virtio_blk"), "{text}");
        let long = json!({"release": "6.1", "path": "/var/lib/rlab/vm/kernels/6.1.0-40-cloud-amd64/vmlinuz", "size": 1, "came": "kept"});
        let text = told("kernel", &[("guest_kernel", long)], false);
        assert!(text.lines().any(|line| line.trim() == "vmlinuz"), "broken between names: {text}");
        let disk = json!({"path": "/d.ext4", "size": 187_000_000, "files": 6112, "came": "made"});
        assert!(told("disk", &[("disk", disk)], false).contains("187 MB, 6112 files  made  /d.ext4"));
        let answer = json!({"url": "http://localhost:8080", "status": 200, "after_ms": 1234});
        let text = told("first_answer", &[("answer", answer.clone())], false);
        assert!(text.contains("http://localhost:8080  200  after 1234 ms"), "{text}");
        assert!(told("first_answer", &[("answer", answer)], true).contains("after (time)"));
    }

    #[test]
    fn a_program_is_listed_with_its_assembler() {
        let code = json!({"at": "0x1000", "bytes": "be 10 10", "label": "main", "words": "mov si, text", "says": "where the letters begin"});
        let text = told("guest_code", &[("code", code)], false);
        assert!(text.contains("   0x1000  be 10 10  main  mov si, text  where the letters begin\n"), "{text}");
    }
}

//! Standard input, output and error.

use crate::harness::Running;
use crate::harness::lab::{Lab, lab};
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Longer than any container of these tests takes.
pub const SOON: Duration = Duration::from_secs(30);

/// A mebibyte of lines that all differ, so that a part that is lost or comes twice shows.
fn mebibyte() -> String {
    (0..(1 << 20) / 16).map(|number| format!("{number:>15}\n")).collect()
}

#[test]
fn what_goes_in_comes_out() {
    let lab = lab!();
    let text = mebibyte();
    let mut cat = lab.command(&Lab::arguments(&["-i"], &["cat"]));
    let mut running = Running::start(cat.stdin(Stdio::piped()));
    running.write_stdin(text.as_bytes());
    let output = running.wait(SOON);
    assert!(output.stdout == text, "{} bytes came of {}", output.stdout.len(), text.len());
    output.succeeded();

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &text).unwrap();
    let mut cat = lab.command(&Lab::arguments(&["-i"], &["cat"]));
    let output = Running::start(cat.stdin(File::open(file.path()).unwrap())).wait(SOON).succeeded();
    assert!(output.stdout == text, "{} bytes came of {}", output.stdout.len(), text.len());
}

#[test]
fn without_i_nothing_goes_in() {
    let lab = lab!();
    let mut cat = lab.command(&Lab::arguments(&[], &["cat"]));
    // The pipe stays open and full: it is not rlab's to read.
    let (_reader, mut writer) = std::io::pipe().unwrap();
    std::io::Write::write_all(&mut writer, b"not for it").unwrap();
    Running::start(cat.stdin(_reader)).wait(SOON).succeeded().wrote("");
}

#[test]
fn output_errors_and_story_are_kept_apart() {
    let lab = lab!();
    let output = lab.shell(&["--explain=brief"], "echo out; no-such-tool; echo out").succeeded().wrote("out\nout");
    output.told("no-such-tool: no such command").told(" pivot_root ");
    let quiet = lab.shell(&[], "echo out").succeeded();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("out\n", ""));
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_program() {
    let lab = lab!();
    let rlab = lab.command(&Lab::arguments(&[], &["cat", "/dev/zero"]));
    let mut command = Command::new("sh");
    command.args(["-c", "\"$@\" | head -c 10 | wc -c", "sh"]).arg(rlab.get_program()).args(rlab.get_args());
    command.env("RLAB_ROOT", lab.root()).stdin(Stdio::null());
    Running::start(&mut command).wait(SOON).succeeded().wrote("10");
    // The pipe's last program is done before rlab is: it still has to tidy up.
    lab.assert_restored();
}

#[test]
fn closed_streams_are_no_reason_to_stop() {
    let lab = lab!();
    let file = tempfile::tempdir().unwrap();
    let volume = format!("{}:/mnt", file.path().display());
    for (flags, closed) in [(&[][..], "<&-"), (&["-i"], "<&-"), (&[], ">&-"), (&[], "2>&-"), (&[], "<&- >&- 2>&-")] {
        let flags = [flags, &["-v", &volume]].concat();
        let rlab = lab.command(&Lab::arguments(&flags, &["sh", "-c", "cat; ls -l /proc/1/fd; write /mnt/done x"]));
        let mut command = Command::new("sh");
        command.args(["-c", &format!("\"$@\" {closed}"), "sh"]).arg(rlab.get_program()).args(rlab.get_args());
        command.env("RLAB_ROOT", lab.root()).stdin(Stdio::null());
        let output = Running::start(&mut command).wait(SOON).succeeded();
        std::fs::remove_file(file.path().join("done"))
            .unwrap_or_else(|_| panic!("it did not run to its end: {output}"));
    }
}

#[test]
fn a_program_inherits_no_descriptor_of_rlabs() {
    let lab = lab!();
    // The fourth is the folder that ls reads.
    let output = lab.tool(&["--explain=json"], &["ls", "/proc/self/fd"]).succeeded();
    assert_eq!(output.stdout.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"], "{output}");
}

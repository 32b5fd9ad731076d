//! `bench`: four small measurements, a line each: what, how much, of which unit. The same program in a container and in a
//! virtual machine shows which work costs more inside, and which does not.
//!
//! Each runs for a fixed time and counts what it got done: on a slow machine it takes no longer, it only counts less.
use std::ffi::OsString;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::parent_id;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::error::At;
use super::{Error, Result, text};

/// Long enough to be worth more than a clock tick, short enough for five runs in an emulated machine.
const SPAN: Duration = Duration::from_millis(300);
/// More than the processor's caches hold on most machines, so that memory itself is measured.
const COPY_BYTES: usize = 64 << 20;
const FILE_BYTES: usize = 32 << 20;
const CHUNK_BYTES: usize = 1 << 20;
const MEGA: f64 = 1e6;

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let args: Vec<&str> = args.iter().map(text).collect::<Result<_>>()?;
    match args[..] {
        [] => {
            for part in [syscall, memory, file, loopback] {
                part(out)?;
            }
        }
        ["syscall"] => syscall(out)?,
        ["memory"] => memory(out)?,
        ["file"] => file(out)?,
        ["loopback"] => loopback(out)?,
        _ => return Err(Error::Usage),
    }
    Ok(0)
}

fn line(out: &mut dyn Write, name: &str, value: f64, unit: &str) -> Result<()> {
    writeln!(out, "{name} {value:.1} {unit}")?;
    Ok(out.flush()?)
}

/// The cheapest question to the kernel there is, getppid(2): what is left is the way in and out, and in a container the
/// seccomp filter on that way.
fn syscall(out: &mut dyn Write) -> Result<()> {
    let (begun, mut calls) = (Instant::now(), 0u32);
    while begun.elapsed() < SPAN {
        // Looking at the clock costs too: it is done once in a thousand calls.
        for _ in 0..1000 {
            black_box(parent_id());
        }
        calls += 1000;
    }
    line(out, "syscall", begun.elapsed().as_nanos() as f64 / f64::from(calls), "ns")
}

/// Copies 64 MB from one place of memory to another.
fn memory(out: &mut dyn Write) -> Result<()> {
    // Written to once before the clock runs: a page that was never touched is not there yet, see `eat`.
    let (from, mut to) = (vec![1u8; COPY_BYTES], vec![2u8; COPY_BYTES]);
    let (begun, mut rounds) = (Instant::now(), 0u32);
    while begun.elapsed() < SPAN {
        black_box(&mut to).copy_from_slice(black_box(&from));
        rounds += 1;
    }
    let bytes = COPY_BYTES as f64 * f64::from(rounds);
    line(out, "memory", bytes / MEGA / begun.elapsed().as_secs_f64(), "MB/s")
}

/// Writes a file of 32 MB and has the kernel bring it to the disk, fsync(2) included; reads it back, which is then answered
/// from memory, the page cache.
fn file(out: &mut dyn Write) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let path = std::env::temp_dir().join(format!("bench-{}-{}", std::process::id(), now.as_nanos()));
    let measured = write_then_read(&path);
    // A file that could not be made can't be removed either; the first error is told.
    let _never_made = fs::remove_file(&path);
    let (write, read) = measured.at(path.display())?;
    line(out, "file_write", FILE_BYTES as f64 / MEGA / write.as_secs_f64(), "MB/s")?;
    line(out, "file_read", FILE_BYTES as f64 / MEGA / read.as_secs_f64(), "MB/s")
}

fn write_then_read(path: &Path) -> std::io::Result<(Duration, Duration)> {
    let mut chunk = vec![7u8; CHUNK_BYTES];
    let begun = Instant::now();
    // Never a file that is there, nor through a link: in /tmp everybody may have put one.
    let mut file = File::create_new(path)?;
    for _ in 0..FILE_BYTES / CHUNK_BYTES {
        file.write_all(&chunk)?;
    }
    file.sync_all()?;
    let write = begun.elapsed();
    let begun = Instant::now();
    let mut file = File::open(path)?;
    while file.read(&mut chunk)? > 0 {}
    Ok((write, begun.elapsed()))
}

/// Sends one byte over TCP to a second thread and waits for it to come back: two passes through the network stack, and two
/// changes of the running thread, a request.
fn loopback(out: &mut dyn Write) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).at("a port of 127.0.0.1")?;
    let mut stream = TcpStream::connect(listener.local_addr().at("getsockname")?).at("127.0.0.1")?;
    let (mut answerer, _) = listener.accept().at("accept")?;
    // Without it the kernel may wait for more to send than one byte.
    stream.set_nodelay(true).and_then(|()| answerer.set_nodelay(true)).at("TCP_NODELAY")?;
    let answer = move || {
        let mut byte = [0];
        while answerer.read_exact(&mut byte).is_ok() && answerer.write_all(&byte).is_ok() {}
    };
    // It ends by itself when this side of the connection is closed.
    std::thread::Builder::new().spawn(answer).at("a thread more")?;
    let (begun, mut requests, mut byte) = (Instant::now(), 0u32, [1]);
    while begun.elapsed() < SPAN {
        stream.write_all(&byte).and_then(|()| stream.read_exact(&mut byte)).at("127.0.0.1")?;
        requests += 1;
    }
    line(out, "loopback", f64::from(requests) / begun.elapsed().as_secs_f64(), "requests/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_measurement_is_a_line_of_name_number_and_unit() {
        let mut out = Vec::new();
        run(&[], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
        let said: Vec<(&str, &str)> = lines.iter().map(|line| (line[0], line[2])).collect();
        let units = [
            ("syscall", "ns"),
            ("memory", "MB/s"),
            ("file_write", "MB/s"),
            ("file_read", "MB/s"),
            ("loopback", "requests/s"),
        ];
        assert_eq!(said, units);
        assert!(lines.iter().all(|line| line.len() == 3 && line[1].parse::<f64>().unwrap() > 0.0), "{text}");
        let of_ours = format!("bench-{}-", std::process::id());
        let left = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
        let left: Vec<_> = left.filter(|file| file.file_name().to_string_lossy().starts_with(&of_ours)).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn one_may_be_asked_for_alone() {
        let mut out = Vec::new();
        run(&["syscall".into()], &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 1);
        assert!(matches!(run(&["much".into()], &mut Vec::new()), Err(Error::Usage)));
    }
}

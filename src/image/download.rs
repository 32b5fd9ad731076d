//! Fetches one blob: once among all processes, from where it was cut short, and hashed on the way.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::digest::Hasher;
use super::error::Error;
use super::manifest::Descriptor;
use super::progress::Progress;
use super::pull::{BlobReport, Outcome};
use super::registry::{self, Answer, Client, ContentRange, Source};
use super::store::{self, Lease};
use crate::sys::flock;

/// Attempts in a row that bring nothing.
const ATTEMPTS: u32 = 5;
/// What an attempt must bring to count, unless it brings the end: else a server could break the connection after every
/// byte for years.
const MIN_GAIN_BYTES: u64 = 64 << 10;

/// A blob being fetched.
struct Download<'a> {
    file: File,
    hasher: Hasher,
    have_bytes: u64,
    wire_bytes: u64,
    /// Whether what is here came in more than one piece.
    pieced: bool,
    descriptor: &'a Descriptor,
    progress: &'a dyn Progress,
    stop: &'a AtomicBool,
}

/// Makes sure that a blob is in the store.
pub fn blob(
    lease: &Lease,
    client: &Client,
    source: &Source,
    descriptor: &Descriptor,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<BlobReport, Error> {
    let began = Instant::now();
    let report = |outcome| BlobReport { descriptor: descriptor.clone(), outcome };
    let path = lease.ingest_path(&descriptor.digest);
    let io_failed = |source| Error::Store(store::Error::Io { path: path.display().to_string(), source });
    let Some(file) = claim(lease, descriptor, progress).map_err(io_failed)? else {
        let report = report(Outcome::AlreadyHere);
        progress.fetched(&report);
        return Ok(report);
    };
    let hasher = Hasher::new(descriptor.digest.algorithm());
    let mut download =
        Download { file, hasher, have_bytes: 0, wire_bytes: 0, pieced: false, descriptor, progress, stop };
    let resumed_from = download.take_up().map_err(io_failed)?;
    progress.fetching(descriptor, resumed_from);
    let resumed_from = download.complete(client, source, resumed_from, &io_failed).inspect_err(|_| {
        // What is good for the next attempt stays; an empty file is good for nothing. The lock is still held.
        if download.have_bytes == 0 {
            let _first_error_counts = fs::remove_file(&path);
        }
    })?;
    fs::rename(&path, lease.blob_path(&descriptor.digest)).map_err(io_failed)?;
    let report = report(Outcome::Fetched { wire_bytes: download.wire_bytes, resumed_from, duration: began.elapsed() });
    progress.fetched(&report);
    Ok(report)
}

/// Gets the blob's unfinished file for this process alone, waiting for whoever has it; `None` when the blob is complete.
fn claim(lease: &Lease, descriptor: &Descriptor, progress: &dyn Progress) -> std::io::Result<Option<File>> {
    let path = lease.ingest_path(&descriptor.digest);
    loop {
        if lease.blob_size(&descriptor.digest) == Some(descriptor.size_bytes) {
            return Ok(None);
        }
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(&path)?;
        if !flock::try_lock(&file, flock::Mode::Exclusive)? {
            progress.waiting(descriptor);
            flock::lock(&file, flock::Mode::Exclusive)?;
        }
        // The lock is on the file, not on the name: while we waited, the other process may have finished and moved it.
        let own = file.metadata()?;
        let named = fs::metadata(&path).ok();
        if named.is_some_and(|named| (named.dev(), named.ino()) == (own.dev(), own.ino())) {
            return Ok(Some(file));
        }
    }
}

impl Download<'_> {
    /// Fetches until the digest is right, and gives from where that began.
    fn complete(
        &mut self,
        client: &Client,
        source: &Source,
        resumed_from: u64,
        io_failed: &impl Fn(std::io::Error) -> Error,
    ) -> Result<u64, Error> {
        let mut again = false;
        loop {
            let fetched = self.run(client, source, io_failed);
            let pieced = std::mem::take(&mut self.pieced) && !again;
            let error = match fetched {
                Ok(()) => {
                    let found = self.hasher.clone().finish();
                    if found == self.descriptor.digest {
                        return Ok(if again { 0 } else { resumed_from });
                    }
                    self.restart().map_err(io_failed)?;
                    let (what, promised) = (self.named(source), self.descriptor.digest.clone());
                    registry::Error::DigestMismatch { what, promised, found }.into()
                }
                Err(error) => error,
            };
            let is_wrong = matches!(
                error,
                Error::Registry(registry::Error::DigestMismatch { .. } | registry::Error::SizeMismatch { .. })
            );
            // One of the pieces may be what is wrong, one of an earlier attempt above all: once more, in one piece.
            if !is_wrong || !pieced {
                return Err(error);
            }
            again = true;
        }
    }

    /// What an error calls it.
    fn named(&self, source: &Source) -> String {
        format!("blob {} of {} at {}", self.descriptor.digest.short(), source.repository, source.host)
    }

    /// Hashes what an earlier attempt left.
    fn take_up(&mut self) -> std::io::Result<u64> {
        if self.file.metadata()?.len() > self.descriptor.size_bytes {
            self.restart()?;
            return Ok(0);
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.have_bytes = self.hasher.update_from(&self.file)?;
        self.pieced = self.have_bytes > 0;
        Ok(self.have_bytes)
    }

    fn restart(&mut self) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = Hasher::new(self.descriptor.digest.algorithm());
        self.have_bytes = 0;
        Ok(())
    }

    /// Asks until all bytes are here, going on where the connection broke.
    fn run(
        &mut self,
        client: &Client,
        source: &Source,
        io_failed: &impl Fn(std::io::Error) -> Error,
    ) -> Result<(), Error> {
        let (mut fruitless, mut best) = (0, self.have_bytes);
        while self.have_bytes < self.descriptor.size_bytes {
            let problem = self.attempt(client, source, io_failed)?;
            if self.have_bytes == self.descriptor.size_bytes {
                break;
            }
            // Against the most there ever was: a server that knows no ranges may lose in one attempt what another brought.
            fruitless = if self.have_bytes >= best + MIN_GAIN_BYTES { 0 } else { fruitless + 1 };
            best = best.max(self.have_bytes);
            if fruitless >= ATTEMPTS {
                return Err(problem.into());
            }
            std::thread::sleep(client.patience().pause * 2u32.pow(fruitless));
        }
        Ok(())
    }

    /// Takes what one answer brings. Gives why it was not all, when that may pass: it answered a moment ago.
    fn attempt(
        &mut self,
        client: &Client,
        source: &Source,
        io_failed: &impl Fn(std::io::Error) -> Error,
    ) -> Result<registry::Error, Error> {
        let broken = |problem: &str| registry::Error::Broken { host: source.host.clone(), problem: problem.to_owned() };
        let digest = &self.descriptor.digest;
        let range = (self.have_bytes > 0).then(|| ("range", format!("bytes={}-", self.have_bytes)));
        let headers: Vec<_> = range.into_iter().collect();
        let mut answer = match client.get(source, &format!("blobs/{digest}"), &headers) {
            Err(error @ registry::Error::Unreachable { .. }) => return Ok(error),
            other => other?,
        };
        let range = answer.header("content-range").and_then(registry::content_range);
        let continues = answer.status == 206 && range.is_some_and(|range| range.first == Some(self.have_bytes));
        if let Some(found_bytes) = self.other_size(&answer, range) {
            answer.drain();
            return Err(self.mismatch(source, found_bytes, io_failed));
        }
        if !continues && self.have_bytes > 0 {
            // A server that knows no ranges sends everything again; one that knows them badly is asked without.
            self.restart().map_err(io_failed)?;
            if answer.status != 200 {
                return Ok(broken("it sends another part than it was asked for"));
            }
        } else if !continues && answer.status != 200 {
            let problem = "it sends a part of a blob nobody asked for";
            return Err(registry::Error::Protocol { host: source.host.clone(), problem }.into());
        }
        self.pieced |= continues;
        match self.receive(source, &mut answer, io_failed) {
            Err(Error::Registry(error @ registry::Error::Broken { .. })) => Ok(error),
            other => other.map(|()| broken("it ended early")),
        }
    }

    /// The size the server gives the blob, where it is not the promised one: then no byte of it needs to come.
    fn other_size(&self, answer: &Answer<'_>, range: Option<ContentRange>) -> Option<u64> {
        let told = match answer.status {
            200 => answer.content_length(),
            _ => range.and_then(|range| range.whole_bytes),
        };
        told.filter(|told| *told != self.descriptor.size_bytes)
    }

    fn mismatch(&mut self, source: &Source, found_bytes: u64, io_failed: &impl Fn(std::io::Error) -> Error) -> Error {
        if let Err(error) = self.restart() {
            return io_failed(error);
        }
        let (what, promised_bytes) = (self.named(source), self.descriptor.size_bytes);
        registry::Error::SizeMismatch { what, promised_bytes, found_bytes }.into()
    }

    fn receive(
        &mut self,
        source: &Source,
        answer: &mut Answer<'_>,
        io_failed: &impl Fn(std::io::Error) -> Error,
    ) -> Result<(), Error> {
        let mut buffer = vec![0; 128 << 10];
        let mut received = 0;
        let result = loop {
            if self.stop.load(Ordering::Relaxed) {
                break Err(registry::Error::Stopped.into());
            }
            match answer.read(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(n) => {
                    received += n as u64;
                    if let Err(error) = self.take(source, &buffer[..n], io_failed) {
                        break Err(error);
                    }
                }
                Err(error) => {
                    break Err(registry::Error::Broken { host: source.host.clone(), problem: error.to_string() }.into());
                }
            }
        };
        answer.finish(received);
        result
    }

    fn take(
        &mut self,
        source: &Source,
        bytes: &[u8],
        io_failed: &impl Fn(std::io::Error) -> Error,
    ) -> Result<(), Error> {
        let found_bytes = self.have_bytes + bytes.len() as u64;
        if found_bytes > self.descriptor.size_bytes {
            // Before it is written: a blob without end must not fill the disk.
            return Err(self.mismatch(source, found_bytes, io_failed));
        }
        self.file.write_all(bytes).map_err(io_failed)?;
        self.hasher.update(bytes);
        self.have_bytes = found_bytes;
        self.wire_bytes += bytes.len() as u64;
        self.progress.at(self.descriptor, self.have_bytes);
        Ok(())
    }
}

//! Fetches one blob: once among all processes, from where it was cut short, and hashed on the way.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::digest::Hasher;
use super::error::Error;
use super::manifest::Descriptor;
use super::progress::Progress;
use super::pull::{BlobReport, Outcome};
use super::registry::{self, Client, Source};
use super::store::{self, Lease};
use crate::sys::flock;

/// Attempts in a row that bring nothing.
const ATTEMPTS: u32 = 5;

/// A blob being fetched.
struct Download<'a> {
    file: File,
    hasher: Hasher,
    have_bytes: u64,
    wire_bytes: u64,
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
    let mut download = Download { file, hasher, have_bytes: 0, wire_bytes: 0, descriptor, progress, stop };
    let mut resumed_from = download.take_up().map_err(io_failed)?;
    progress.fetching(descriptor, resumed_from);
    loop {
        download.run(client, source, &io_failed)?;
        let found = download.hasher.clone().finish();
        if found == descriptor.digest {
            break;
        }
        download.restart().map_err(io_failed)?;
        if resumed_from == 0 {
            let what = format!("blob {}", descriptor.digest.short());
            let promised = descriptor.digest.clone();
            return Err(registry::Error::DigestMismatch { what, promised, found }.into());
        }
        // What an earlier attempt left may be what is wrong: once more, all of it.
        resumed_from = 0;
    }
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
    /// Hashes what an earlier attempt left.
    fn take_up(&mut self) -> std::io::Result<u64> {
        if self.file.metadata()?.len() > self.descriptor.size_bytes {
            self.restart()?;
            return Ok(0);
        }
        self.file.seek(SeekFrom::Start(0))?;
        self.have_bytes = self.hasher.update_from(&self.file)?;
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
        let mut fruitless = 0;
        while self.have_bytes < self.descriptor.size_bytes {
            let before = self.have_bytes;
            let problem = match self.attempt(client, source, io_failed) {
                Ok(()) => continue,
                // It answered a moment ago: what breaks now may pass.
                Err(Error::Registry(
                    error @ (registry::Error::Broken { .. } | registry::Error::Unreachable { .. }),
                )) => error,
                Err(other) => return Err(other),
            };
            fruitless = if self.have_bytes > before { 0 } else { fruitless + 1 };
            if fruitless >= ATTEMPTS {
                let (host, problem) = (source.host.clone(), problem.to_string());
                return Err(registry::Error::Broken { host, problem }.into());
            }
            std::thread::sleep(Duration::from_millis(200) * 2u32.pow(fruitless));
        }
        Ok(())
    }

    fn attempt(
        &mut self,
        client: &Client,
        source: &Source,
        io_failed: &impl Fn(std::io::Error) -> Error,
    ) -> Result<(), Error> {
        let digest = &self.descriptor.digest;
        let range = (self.have_bytes > 0).then(|| ("range", format!("bytes={}-", self.have_bytes)));
        let headers: Vec<_> = range.into_iter().collect();
        let mut answer = client.get(source, &format!("blobs/{digest}"), &headers)?;
        let continues = answer.status == 206
            && answer
                .header("content-range")
                .is_some_and(|range| range.starts_with(&format!("bytes {}-", self.have_bytes)));
        if !continues && self.have_bytes > 0 {
            // A server that knows no ranges sends everything again.
            self.restart().map_err(io_failed)?;
            if answer.status != 200 {
                return Ok(());
            }
        } else if !continues && answer.status != 200 {
            let problem = "it sends a part of a blob nobody asked for";
            return Err(registry::Error::Protocol { host: source.host.clone(), problem }.into());
        }
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
                    if let Err(error) = self.take(&buffer[..n], io_failed) {
                        break Err(error);
                    }
                }
                Err(error) => {
                    break Err(registry::Error::Broken { host: source.host.clone(), problem: error.to_string() }.into());
                }
            }
        };
        answer.finish(received);
        result?;
        if self.have_bytes < self.descriptor.size_bytes {
            let problem = "it ended early".to_owned();
            return Err(registry::Error::Broken { host: source.host.clone(), problem }.into());
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], io_failed: &impl Fn(std::io::Error) -> Error) -> Result<(), Error> {
        let found_bytes = self.have_bytes + bytes.len() as u64;
        let promised_bytes = self.descriptor.size_bytes;
        if found_bytes > promised_bytes {
            // Before it is written: a blob without end must not fill the disk.
            self.restart().map_err(io_failed)?;
            let what = format!("blob {}", self.descriptor.digest.short());
            return Err(registry::Error::SizeMismatch { what, promised_bytes, found_bytes }.into());
        }
        self.file.write_all(bytes).map_err(io_failed)?;
        self.hasher.update(bytes);
        self.have_bytes = found_bytes;
        self.wire_bytes += bytes.len() as u64;
        self.progress.at(self.descriptor, self.have_bytes);
        Ok(())
    }
}

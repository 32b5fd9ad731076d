//! Progress of a pull: bars on a terminal, a line a layer elsewhere.
//!
//! No bar ticks by itself: a ticking bar is a thread, and the process that pulls may clone a container next.

use super::units::size;
use crate::image::digest::Digest;
use crate::image::layers::LayerReport;
use crate::image::manifest::Descriptor;
use crate::image::progress::Progress;
use crate::image::pull::{BlobReport, Outcome};
use crate::image::store::LayerRecord;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

pub use crate::image::progress::Silent as Quiet;

/// A bar a blob, on standard error.
pub struct Bars {
    multi: MultiProgress,
    bars: Mutex<HashMap<Digest, ProgressBar>>,
    /// Without a terminal a bar would fill a log file with copies of itself.
    lines: bool,
}

impl Bars {
    /// Draws nothing yet.
    pub fn new() -> Bars {
        Bars { multi: MultiProgress::new(), bars: Mutex::default(), lines: !std::io::stderr().is_terminal() }
    }

    fn bar(&self, digest: &Digest, length_bytes: u64) -> ProgressBar {
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let bar = self.multi.add(ProgressBar::new(length_bytes));
            bar.set_style(style("{prefix}  {msg:14} [{bar:30}] {bytes:>10} / {total_bytes}"));
            bar.set_prefix(digest.short().to_owned());
            bar
        };
        bars.entry(digest.clone()).or_insert_with(make).clone()
    }

    /// The bar of a blob that this pull has told of. Layers of an image that is simply there are not worth a line.
    fn known(&self, digest: &Digest) -> Option<ProgressBar> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    fn end(&self, digest: &Digest, message: &str) {
        if self.lines {
            let _gone = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("{}: {message}\n", digest.short()).as_bytes(),
            );
            return;
        }
        let bar = self.bar(digest, 0);
        bar.set_style(style("{prefix}  {msg}"));
        bar.finish_with_message(message.to_owned());
    }
}

impl Progress for Bars {
    fn fetching(&self, blob: &Descriptor, have_bytes: u64) {
        let bar = self.bar(&blob.digest, blob.size_bytes);
        bar.set_message(if have_bytes > 0 { "resuming" } else { "fetching" });
        bar.set_position(have_bytes);
    }

    fn waiting(&self, blob: &Descriptor) {
        self.bar(&blob.digest, blob.size_bytes).set_message("another pull is fetching it");
    }

    fn at(&self, blob: &Descriptor, have_bytes: u64) {
        self.bar(&blob.digest, blob.size_bytes).set_position(have_bytes);
    }

    fn fetched(&self, blob: &BlobReport) {
        let message = match blob.outcome {
            Outcome::AlreadyHere => "already here".to_owned(),
            Outcome::Fetched { wire_bytes, .. } => format!("fetched, {}", size(wire_bytes)),
        };
        self.end(&blob.descriptor.digest, &message);
    }

    fn unpacking(&self, layer: &LayerRecord) {
        if let Some(bar) = self.known(&layer.digest) {
            bar.set_style(style("{prefix}  {msg}"));
            bar.set_message("unpacking");
        }
    }

    fn unpacked(&self, layer: &LayerReport) {
        let counts = &layer.unpacked.counts;
        if !layer.reused {
            let message = format!("unpacked, {} in {} files", size(counts.file_bytes), counts.files);
            self.end(&layer.layer.digest, &message);
        } else if self.known(&layer.layer.digest).is_some() {
            self.end(&layer.layer.digest, "already here and unpacked");
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template is fixed text of this file; the plain bar stands in for one that does not parse.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// In a thread with a name of its own, which those that it makes would have, too.
    #[test]
    fn drawing_leaves_no_thread_behind() {
        let name = |task: &Path| std::fs::read_to_string(task.join("comm")).unwrap_or_default();
        let threads = move || {
            let tasks = std::fs::read_dir("/proc/self/task").unwrap();
            tasks.filter(|task| name(&task.as_ref().unwrap().path()) == "drawing\n").count()
        };
        let drawn = std::thread::Builder::new().name("drawing".to_owned()).spawn(move || {
            let bars = Bars { multi: MultiProgress::new(), bars: Mutex::default(), lines: false };
            let digest = Digest::sha256(b"x");
            for position in 0..100 {
                bars.bar(&digest, 100).set_position(position);
            }
            bars.end(&digest, "done");
            threads()
        });
        assert_eq!(drawn.unwrap().join().unwrap(), 1);
    }
}

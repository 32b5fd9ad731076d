//! An image by name: from the store, from a registry, or, where no registry can be reached, a classroom image.
//!
//! Four stages, told from what the functions of `image` report: resolve, pull, verify, unpack.

use super::config::Config;
use super::error::Error;
use super::home::Home;
use super::options::PullPolicy;
use super::sweep::in_use;
use crate::image::classroom;
use crate::image::layers::{self, LayerReport};
use crate::image::platform::Platform;
use crate::image::progress::Progress;
use crate::image::pull::{self, BlobReport, Outcome};
use crate::image::reference::Reference;
use crate::image::registry::{Client, Exchange};
use crate::image::resolve::{self, Resolved};
use crate::image::store::{Content, ImageRecord, Lease, Provenance, Store};
use crate::image::unpack::Limits;
use crate::image::verify::{self, Link};
use crate::trace::{self, Stage};
use serde_json::json;

/// Where images may come from in this run.
pub struct Sources<'a> {
    /// rlab's settings.
    pub config: &'a Config,
    /// The registries' client.
    pub client: &'a Client,
    /// rlab's own directories, where classroom images are made, and where the containers are that stand on layers.
    pub home: &'a Home,
    /// The machine the image is for.
    pub platform: Platform,
    /// When to ask.
    pub policy: PullPolicy,
    /// Who is told how far it is.
    pub progress: &'a dyn Progress,
    /// Who is told, in a line, that a classroom image stands in.
    pub announce: &'a dyn Fn(&str),
}

/// Gives the image of a name, unpacked.
pub fn obtain(store: &Store, reference: &Reference, sources: &Sources<'_>) -> Result<ImageRecord, Error> {
    let lease = store.lease()?;
    let mut content = Content::default();
    let result = take_in(store, &lease, reference, sources, &mut content);
    if let Err(error) = &result {
        // What was made here is made anew the next time.
        let refused = content.made_here || matches!(error, Error::Image(error) if error.refuses_the_image());
        // The first error is the one that tells what happened; a rest that stays now goes with the next image removed.
        let _next_time = lease.withdraw(&content, refused, &in_use(sources.home));
    }
    result
}

fn take_in(
    store: &Store,
    lease: &Lease,
    reference: &Reference,
    sources: &Sources<'_>,
    content: &mut Content,
) -> Result<ImageRecord, Error> {
    let here = store.lookup(reference)?;
    let found = match (here, sources.policy) {
        // The lab image is rlab's own: no registry is asked, and after an update of rlab it is packed anew.
        (here, _) if built_in(reference) && here.as_ref().is_none_or(is_built_in) => {
            trace::stage(Stage::Resolve, || {
                trace::note("built_in", || json!({"image": reference.familiar()}));
                Ok::<_, Error>(())
            })?;
            stand_in(store, reference, sources, content)
        }
        (Some(record), PullPolicy::Missing | PullPolicy::Never) => from_store(record),
        (None, PullPolicy::Never) => return Err(Error::NotHere(reference.familiar())),
        _ => from_registry(store, lease, reference, sources, content),
    }?;
    content.diff_ids = found.layers.iter().map(|layer| layer.diff_id.clone()).collect();
    unpack(lease, found, sources)
}

fn unpack(lease: &Lease, found: ImageRecord, sources: &Sources<'_>) -> Result<ImageRecord, Error> {
    trace::stage(Stage::Unpack, || {
        let reports = layers::unpack(lease, &found, limits(sources.config), sources.progress)?;
        tell_layers(&reports);
        // Only now does the name mean this image: had a layer's content been another than promised, it would stay unnamed.
        lease.tag(&found)?;
        Ok(found)
    })
}

fn built_in(reference: &Reference) -> bool {
    matches!(classroom::source(reference), Some(classroom::Source::BuiltIn))
}

fn is_built_in(record: &ImageRecord) -> bool {
    record.provenance == Provenance::BuiltIn
}

fn from_store(record: ImageRecord) -> Result<ImageRecord, Error> {
    trace::stage(Stage::Resolve, || {
        trace::work(
            "check",
            || json!({"what": record.reference.familiar(), "digest": record.manifest, "verdict": "in the store"}),
        );
        tell_provenance(&record.provenance);
        Ok::<_, Error>(())
    })?;
    for stage in [Stage::Pull, Stage::Verify] {
        trace::stage(stage, || {
            trace::skip(if stage == Stage::Pull { "already_present" } else { "already_verified" });
            Ok::<_, Error>(())
        })?;
    }
    Ok(record)
}

fn from_registry(
    store: &Store,
    lease: &Lease,
    reference: &Reference,
    sources: &Sources<'_>,
    content: &mut Content,
) -> Result<ImageRecord, Error> {
    let resolved = trace::stage(Stage::Resolve, || {
        let resolved = resolve::resolve(sources.client, reference, &sources.platform);
        match &resolved {
            Ok(resolved) => tell_resolved(resolved),
            Err(error) => {
                tell_exchanges(&sources.client.take_exchanges());
                if let crate::image::Error::PassedOver { passed_over, .. } = error {
                    tell_passed_over(passed_over);
                }
                if error.is_unreachable() && sources.config.classroom.fallback {
                    trace::note("registry_unreachable", || json!({"image": reference.familiar()}));
                }
            }
        }
        resolved
    });
    let resolved = match resolved {
        Err(error) if error.is_unreachable() && sources.config.classroom.fallback => {
            let Some(source) = classroom::source(reference) else { return Err(error.into()) };
            (sources.announce)(&format!("{error}; taking {} instead", source.describe()));
            return stand_in(store, reference, sources, content);
        }
        other => other?,
    };
    *content = Content::of(&resolved);
    trace::stage(Stage::Pull, || {
        let report = pull::pull(lease, sources.client, &resolved, sources.progress)?;
        tell_exchanges(&report.exchanges);
        for (at, blob) in report.blobs.iter().enumerate() {
            tell_blob(at, blob);
        }
        Ok::<_, Error>(())
    })?;
    trace::stage(Stage::Verify, || {
        let report = verify::verify(lease, &resolved)?;
        for check in &report.checks {
            let what = match check.link {
                Link::Index => "index".to_owned(),
                Link::Manifest => "manifest".to_owned(),
                Link::Config => "config".to_owned(),
                Link::Layer(number) => format!("layer {number}"),
            };
            trace::work("check", || json!({"what": what, "digest": check.found, "verdict": "as promised"}));
        }
        Ok(report.record)
    })
}

/// A classroom image: made here, by the same store's rules, and marked with where it came from.
fn stand_in(
    store: &Store,
    reference: &Reference,
    sources: &Sources<'_>,
    content: &mut Content,
) -> Result<ImageRecord, Error> {
    content.made_here = true;
    let record = trace::stage(Stage::Pull, || {
        let source = classroom::source(reference).ok_or_else(|| Error::NotHere(reference.familiar()))?;
        let record = classroom::provide(store, &sources.home.root, reference, source, sources.announce, content)?;
        for (at, layer) in record.layers.iter().enumerate() {
            trace::work(
                "blob",
                || json!({"role": format!("layer {}", at + 1), "digest": layer.digest, "came": "made here", "size": layer.size_bytes}),
            );
        }
        tell_provenance(&record.provenance);
        Ok::<_, Error>(record)
    })?;
    trace::stage(Stage::Verify, || {
        trace::skip("hashed_while_made");
        Ok::<_, Error>(())
    })?;
    Ok(record)
}

fn limits(config: &Config) -> Limits {
    let unpack = &config.unpack;
    Limits { max_layer_bytes: unpack.max_layer_bytes, max_ratio: unpack.max_ratio, max_entries: unpack.max_entries }
}

fn tell_provenance(provenance: &Provenance) {
    match provenance {
        Provenance::Registry { host } => trace::note("from_registry", || json!({"host": host})),
        Provenance::Mirror { host, upstream } => {
            trace::note("from_mirror", || json!({"host": host, "upstream": upstream}));
        }
        Provenance::Assembled { from } => trace::note("from_packages", || json!({"from": from})),
        Provenance::BuiltIn => trace::note("from_binary", || json!({})),
    }
}

fn tell_resolved(resolved: &Resolved) {
    trace::note("asked_at", || json!({"host": resolved.source.host}));
    tell_exchanges(&resolved.exchanges);
    tell_passed_over(&resolved.passed_over);
    if resolved.index.is_some() {
        trace::note(
            "chosen_from_index",
            || json!({"offered": resolved.offered, "platform": resolved.platform.to_string()}),
        );
    }
    trace::work("check", || {
        json!({"what": "manifest", "digest": resolved.manifest.descriptor.digest,
               "verdict": format!("{} layers and a config", resolved.layers.len())})
    });
}

fn tell_passed_over(passed_over: &[(String, String)]) {
    for (host, reason) in passed_over {
        trace::note("passed_over", || json!({"host": host, "reason": reason}));
    }
}

fn tell_exchanges(exchanges: &[Exchange]) {
    for exchange in exchanges {
        trace::work("exchange", || {
            json!({"method": exchange.method, "url": path_of(&exchange.url), "status": exchange.status,
                   "bytes": exchange.bytes, "dur_ns": nanos(exchange.duration)})
        });
    }
}

/// The address without scheme and host, which the story has named already.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn tell_blob(at: usize, blob: &BlobReport) {
    let role = if at == 0 { "config".to_owned() } else { format!("layer {at}") };
    trace::work("blob", || match blob.outcome {
        Outcome::AlreadyHere => json!({"role": role, "digest": blob.descriptor.digest}),
        Outcome::Fetched { wire_bytes, resumed_from: 0, duration } => {
            json!({"role": role, "digest": blob.descriptor.digest, "bytes": wire_bytes, "dur_ns": nanos(duration)})
        }
        Outcome::Fetched { wire_bytes, resumed_from, duration } => {
            json!({"role": role, "digest": blob.descriptor.digest, "bytes": wire_bytes, "dur_ns": nanos(duration),
                   "resumed_from": resumed_from})
        }
    });
}

fn tell_layers(reports: &[LayerReport]) {
    let total = reports.len();
    for (at, report) in reports.iter().enumerate() {
        let counts = &report.unpacked.counts;
        trace::work("layer", || {
            json!({"name": format!("layer {} of {total}", at + 1), "diff_id": report.layer.diff_id,
                   "reused": report.reused, "bytes_in": report.unpacked.packed_bytes,
                   "bytes_out": counts.file_bytes, "entries": counts.entries, "files": counts.files,
                   "dirs": counts.directories, "symlinks": counts.symlinks, "hardlinks": counts.hard_links,
                   "devices": counts.specials, "whiteouts": counts.whiteouts, "opaque": counts.opaque,
                   "xattrs": counts.xattrs, "setuid": counts.setuid,
                   "verdict": "digest ok", "dur_ns": nanos(report.duration)})
        });
    }
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

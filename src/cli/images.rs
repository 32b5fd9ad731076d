//! `rlab images`: what is in the store, in docker's columns.

use super::table::table;
use super::units::{ago, size};
use super::{Context, Failure};
use crate::engine;
use crate::image::reference::Reference;
use crate::image::store::{ImageSummary, Store};
use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;
use time::OffsetDateTime;

#[derive(ClapArgs)]
pub struct Args {
    /// Print only ids
    #[arg(short, long)]
    quiet: bool,
    /// Print ids whole
    #[arg(long)]
    no_trunc: bool,
    /// Print what the registry calls each image, too
    #[arg(long)]
    digests: bool,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Only images of this repository, or of this name and tag
    #[arg(value_name = "REPOSITORY[:TAG]")]
    repository: Option<String>,
}

/// Ways to print a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns under a header
    Table,
    /// One JSON object a line
    Json,
}

/// Prints the list.
pub fn run(args: &Args, context: &mut Context) -> Result<u8, Failure> {
    let store = Store::open(&context.home.root).map_err(engine::Error::from)?;
    let mut images = store.images().map_err(engine::Error::from)?;
    if let Some(wanted) = &args.repository {
        let reference: Reference = wanted.parse().map_err(crate::image::Error::from)?;
        // A tag that was not typed means all of them.
        let has_tag = wanted.ends_with(&format!(":{}", reference.target()));
        images.retain(|one| {
            one.repository == reference.familiar_repository() && (!has_tag || one.tag.as_deref() == reference.tag())
        });
    }
    let text = match args.format {
        _ if args.quiet => images.iter().map(|one| format!("{}\n", id(one, args.no_trunc))).collect(),
        Format::Json => images.iter().map(|one| format!("{}\n", json_line(one, args.no_trunc))).collect(),
        Format::Table => columns(&images, args, OffsetDateTime::now_utc()),
    };
    context.ui.result(&text);
    Ok(0)
}

fn id(image: &ImageSummary, whole: bool) -> String {
    if whole { image.id.to_string() } else { image.id.short().to_owned() }
}

fn tag(image: &ImageSummary) -> String {
    image.tag.clone().unwrap_or_else(|| "<none>".to_owned())
}

fn columns(images: &[ImageSummary], args: &Args, now: OffsetDateTime) -> String {
    let mut header = vec!["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"];
    if args.digests {
        header.insert(2, "DIGEST");
    }
    let row = |image: &ImageSummary| {
        let mut row = vec![
            image.repository.clone(),
            tag(image),
            id(image, args.no_trunc),
            ago(&image.created, now),
            size(image.size_bytes),
        ];
        if args.digests {
            row.insert(2, image.digest.to_string());
        }
        row
    };
    table(&header, &images.iter().map(row).collect::<Vec<_>>())
}

fn json_line(image: &ImageSummary, whole: bool) -> String {
    json!({
        "Repository": image.repository,
        "Tag": tag(image),
        "Digest": image.digest,
        "ID": id(image, whole),
        "CreatedAt": image.created,
        "CreatedSince": ago(&image.created, OffsetDateTime::now_utc()),
        "Size": size(image.size_bytes),
        "SizeBytes": image.size_bytes,
        "Provenance": image.provenance,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::digest::Digest;
    use crate::image::store::Provenance;
    use time::format_description::well_known::Rfc3339;

    #[test]
    fn the_columns_are_dockers() {
        let image = |repository: &str, tag: Option<&str>, size_bytes| ImageSummary {
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: Digest::sha256(b"d"),
            id: Digest::sha256(b"i"),
            created: "2026-06-01T00:00:00Z".to_owned(),
            size_bytes,
            provenance: Provenance::BuiltIn,
        };
        let images = [image("nginx", Some("1.27"), 187_400_000), image("localhost:5000/a", None, 12)];
        let args = Args { quiet: false, no_trunc: false, digests: false, format: Format::Table, repository: None };
        let now = OffsetDateTime::parse("2026-06-05T00:00:00Z", &Rfc3339).unwrap();
        let expected = "REPOSITORY         TAG      IMAGE ID       CREATED      SIZE\n\
                        nginx              1.27     de7d1b721a1e   4 days ago   187MB\n\
                        localhost:5000/a   <none>   de7d1b721a1e   4 days ago   12B\n";
        assert_eq!(columns(&images, &args, now), expected);
    }
}

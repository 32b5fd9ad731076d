//! `rlab image …`: one image looked at, or taken away.

use super::images::Format;
use super::table::table;
use super::units::{ago, size};
use super::{Context, Failure, images, pull};
use crate::image::digest::Digest;
use crate::image::store::{HistoryRow, ImageRecord, InUse, Removed, Store};
use crate::{engine, vm};
use clap::{Args as ClapArgs, Subcommand};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// Where docker cuts the command of a step.
const COMMAND_WIDTH: usize = 45;

#[derive(Subcommand)]
pub enum Args {
    /// Print everything known about images, as JSON
    Inspect(Inspect),
    /// Print the steps by which an image was built
    History(History),
    /// Take names away, and images that have none left
    #[command(visible_alias = "remove")]
    Rm(Rm),
    /// List images
    #[command(visible_alias = "list")]
    Ls(images::Args),
    /// Fetch an image
    Pull(pull::Args),
}

#[derive(ClapArgs)]
pub struct Inspect {
    /// By name or id
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

#[derive(ClapArgs)]
pub struct History {
    /// Print only ids
    #[arg(short, long)]
    quiet: bool,
    /// Print commands and ids whole
    #[arg(long)]
    no_trunc: bool,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// By name or id
    image: String,
}

#[derive(ClapArgs)]
pub struct Rm {
    /// Even when a container was made of it, and all names of an id
    #[arg(short, long)]
    force: bool,
    /// By name or id
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

/// Does what was asked for.
pub fn run(args: &Args, context: &mut Context) -> Result<u8, Failure> {
    match args {
        Args::Inspect(args) => inspect(args, context),
        Args::History(args) => history(args, context),
        Args::Rm(args) => remove(args, context),
        Args::Ls(args) => images::run(args, context),
        Args::Pull(args) => pull::run(args, context),
    }
}

fn store(context: &Context) -> Result<Store, Failure> {
    Ok(Store::open(&context.home.root).map_err(engine::Error::from)?)
}

fn inspect(args: &Inspect, context: &mut Context) -> Result<u8, Failure> {
    let store = store(context)?;
    let one = |typed: &String| store.inspect(&store.find(typed)?);
    let found: Result<Vec<Value>, _> = args.images.iter().map(one).collect();
    let text = format!("{:#}\n", Value::Array(found.map_err(engine::Error::from)?));
    context.ui.result(&text);
    Ok(0)
}

fn history(args: &History, context: &mut Context) -> Result<u8, Failure> {
    let store = store(context)?;
    let record = store.find(&args.image).map_err(engine::Error::from)?;
    let rows = store.history(&record).map_err(engine::Error::from)?;
    let now = OffsetDateTime::now_utc();
    let ids: Vec<String> = (0..rows.len()).map(|at| id(at, &record, args.no_trunc)).collect();
    let text = match args.format {
        _ if args.quiet => ids.iter().map(|id| format!("{id}\n")).collect(),
        Format::Json => rows.iter().zip(&ids).map(|(row, id)| format!("{}\n", json_line(row, id))).collect(),
        Format::Table => columns(&rows, &ids, args.no_trunc, now),
    };
    context.ui.result(&text);
    Ok(0)
}

/// Only the newest step has an id: it is the image's. The images between live on the builder's machine, if anywhere.
fn id(at: usize, record: &ImageRecord, whole: bool) -> String {
    match at {
        0 if whole => record.config.to_string(),
        0 => record.config.short().to_owned(),
        _ => "<missing>".to_owned(),
    }
}

fn columns(rows: &[HistoryRow], ids: &[String], whole: bool, now: OffsetDateTime) -> String {
    let cut = |text: &str| match text.char_indices().nth(COMMAND_WIDTH) {
        Some(_) if !whole => text.chars().take(COMMAND_WIDTH - 1).chain(['…']).collect(),
        _ => text.to_owned(),
    };
    let row = |(row, id): (&HistoryRow, &String)| {
        // A step may be a script of many lines; a row is one.
        let command = row.created_by.split_whitespace().collect::<Vec<_>>().join(" ");
        vec![id.clone(), ago(&row.created, now), cut(&command), size(row.size_bytes), row.comment.clone()]
    };
    let rows: Vec<Vec<String>> = rows.iter().zip(ids).map(row).collect();
    table(&["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"], &rows)
}

fn json_line(row: &HistoryRow, id: &str) -> String {
    json!({
        "ID": id,
        "CreatedAt": row.created,
        "CreatedSince": ago(&row.created, OffsetDateTime::now_utc()),
        "CreatedBy": row.created_by,
        "Size": size(row.size_bytes),
        "SizeBytes": row.size_bytes,
        "Comment": row.comment,
        "Layer": row.layer,
    })
    .to_string()
}

fn remove(args: &Rm, context: &mut Context) -> Result<u8, Failure> {
    let store = store(context)?;
    let in_use = engine::in_use(&context.home);
    let removed = args.images.iter().try_for_each(|typed| {
        let removed = store.remove(typed, args.force, &in_use).map_err(engine::Error::from)?;
        context.ui.result(&removal(&removed));
        Ok(())
    });
    sweep_disks(&store, &in_use, context)?;
    removed.map(|()| 0)
}

/// The disks that machines ran from are made of the same layers, and go with the last image that has these.
fn sweep_disks(store: &Store, in_use: &[InUse], context: &Context) -> Result<(), Failure> {
    let records = store.records_by_name().map_err(engine::Error::from)?;
    let of_image = |record: ImageRecord| record.layers.into_iter().map(|layer| layer.diff_id).collect();
    let of_container = in_use.iter().map(|user| user.layers.clone());
    let images: Vec<Vec<Digest>> = records.into_iter().map(of_image).chain(of_container).collect();
    vm::disk::sweep(&context.home.root.join("vm"), &images);
    Ok(())
}

fn removal(removed: &Removed) -> String {
    let untagged = removed.untagged.iter().map(|name| format!("Untagged: {name}\n"));
    let deleted = removed.images.iter().chain(&removed.layers).map(|digest| format!("Deleted: {digest}\n"));
    untagged.chain(deleted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::format_description::well_known::Rfc3339;

    #[test]
    fn a_long_command_is_cut_and_a_script_is_one_row() {
        let row = HistoryRow {
            created: "2026-06-01T00:00:00Z".to_owned(),
            created_by: format!("RUN apt-get update \\\n    && {}", "x".repeat(60)),
            size_bytes: 1000,
            comment: "c".to_owned(),
            layer: None,
        };
        let now = OffsetDateTime::parse("2026-06-02T12:00:00Z", &Rfc3339).unwrap();
        let text = columns(std::slice::from_ref(&row), &["id".to_owned()], false, now);
        let expected = "IMAGE   CREATED        CREATED BY                                      SIZE   COMMENT\n\
                        id      36 hours ago   RUN apt-get update \\ && xxxxxxxxxxxxxxxxxxxx…   1kB    c\n";
        assert_eq!(text, expected);
        assert!(columns(&[row], &["id".to_owned()], true, now).contains(&"x".repeat(60)));
    }
}

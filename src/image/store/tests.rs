//! Images imported from memory, and what becomes of their names, blobs and layers.
#![allow(clippy::disallowed_macros, reason = "a test that is skipped says so aloud")]

use super::*;
use crate::image::progress::Silent;
use crate::image::reference::Reference;
use crate::image::{layers, unpack};

fn store() -> (tempfile::TempDir, Store) {
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    (root, store)
}

fn tar(name: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    header.set_mode(0o644);
    builder.append_data(&mut header, name, &b"data"[..]).unwrap();
    builder.into_inner().unwrap()
}

fn import(store: &Store, name: &str, layers: &[&str]) -> ImageRecord {
    let config = format!(
        r#"{{"os":"linux","architecture":"amd64","created":"2026-01-0{}T00:00:00Z","config":{{"Cmd":["{name}"],"Healthcheck":{{"Test":["NONE"]}}}},
            "history":[{{"created_by":"a"}},{{"created_by":"b","empty_layer":true}}]}}"#,
        name.len().min(9)
    );
    let layer = |name: &&str| LayerFile {
        stream: Box::new(io::Cursor::new(tar(name))),
        media_type: "application/vnd.oci.image.layer.v1.tar".into(),
    };
    let reference: Reference = name.parse().unwrap();
    store
        .import(
            &reference,
            config.as_bytes(),
            layers.iter().map(layer).collect(),
            Provenance::BuiltIn,
            &mut Content::default(),
        )
        .unwrap()
}

#[test]
fn an_imported_image_is_found_by_name_digest_and_id() {
    let (_root, store) = store();
    let record = import(&store, "web:1", &["a", "b"]);
    let by_name = store.lookup(&"web:1".parse().unwrap()).unwrap().unwrap();
    assert_eq!(by_name, record);
    let by_digest: Reference = format!("web@{}", record.manifest).parse().unwrap();
    assert_eq!(store.lookup(&by_digest).unwrap(), Some(record.clone()));
    assert_eq!(store.find(&record.config.hex()[..6]).unwrap(), record);
    assert_eq!(store.find(&record.config.to_string()).unwrap(), record);
    assert!(matches!(store.find("web"), Err(Error::NoSuchImage(_))));
    assert_eq!(store.config(&record).unwrap().rootfs.diff_ids.len(), 2);
}

#[test]
fn inspect_keeps_fields_rlab_does_not_know() {
    let (_root, store) = store();
    let record = import(&store, "web:1", &["a"]);
    let shown = store.inspect(&record).unwrap();
    assert_eq!(shown["Config"]["Healthcheck"]["Test"][0], "NONE");
    assert_eq!(shown["RepoTags"][0], "web:1");
    assert_eq!(shown["Rlab"]["Provenance"]["kind"], "built_in");
    let history = store.history(&record).unwrap();
    assert_eq!(history.iter().map(|row| row.created_by.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!((history[0].layer.clone(), history[1].layer.clone()), (None, Some(record.layers[0].diff_id.clone())));
}

#[test]
fn a_config_that_promises_other_layers_is_refused() {
    let (_root, store) = store();
    let other = Digest::sha256(b"other");
    let config = format!(r#"{{"os":"linux","rootfs":{{"diff_ids":["{other}"]}}}}"#);
    let layer = LayerFile { stream: Box::new(io::Cursor::new(tar("a"))), media_type: "x".into() };
    let result = store.import(
        &"a".parse().unwrap(),
        config.as_bytes(),
        vec![layer],
        Provenance::BuiltIn,
        &mut Content::default(),
    );
    assert!(matches!(result, Err(Error::ImportMismatch { config: 1, given: 1 })));
}

#[test]
fn removing_keeps_what_other_names_and_containers_use() {
    let (_root, store) = store();
    let first = import(&store, "one:1", &["shared", "own"]);
    let second = import(&store, "second:1", &["shared"]);
    if crate::sys::tree::is_root() {
        layers::unpack(&store.lease().unwrap(), &first, unpack::Limits::default(), &Silent).unwrap();
    }
    let user =
        InUse { container: "c".into(), image: first.config.clone(), layers: vec![first.layers[1].diff_id.clone()] };
    assert!(matches!(store.remove("one:1", false, std::slice::from_ref(&user)), Err(Error::InUse { .. })));
    let removed = store.remove("one:1", true, &[user]).unwrap();
    assert_eq!((removed.untagged, removed.images), (vec!["one:1".to_owned()], vec![first.config.clone()]));
    assert!(removed.layers.is_empty() && removed.blob_bytes > 0);
    assert!(store.blob_size(&first.layers[0].digest).is_some(), "the shared layer's blob went");
    assert!(store.blob_size(&first.layers[1].digest).is_none(), "the own layer's blob stayed");
    let removed = store.remove(&second.config.hex()[..8], false, &[]).unwrap();
    assert_eq!(removed.untagged, ["second:1"]);
    assert!(store.images().unwrap().is_empty());
    assert_eq!(std::fs::read_dir(store.directory.join("layers")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(store.directory.join("blobs/sha256")).unwrap().count(), 0);
}

#[test]
fn an_image_with_two_names_loses_one_at_a_time() {
    let (_root, store) = store();
    let first = import(&store, "web:1", &["a"]);
    let second = ImageRecord { reference: "web:2".parse().unwrap(), ..first.clone() };
    store.lease().unwrap().tag(&second).unwrap();
    assert!(matches!(store.remove(first.config.short(), false, &[]), Err(Error::SeveralNames { .. })));
    let removed = store.remove("web:1", false, &[]).unwrap();
    assert_eq!((removed.untagged.len(), removed.images.len()), (1, 0));
    assert_eq!(store.find(first.config.short()).unwrap(), second);
}

#[test]
fn nothing_is_removed_while_a_lease_is_held() {
    let (_root, store) = store();
    import(&store, "web:1", &["a"]);
    let lease = store.lease().unwrap();
    let digest = lease.put_blob(b"not named yet").unwrap();
    let other = store.clone();
    let removal = std::thread::spawn(move || other.remove("web:1", false, &[]));
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(!removal.is_finished() && lease.blob_size(&digest).is_some());
    drop(lease);
    removal.join().unwrap().unwrap();
    assert!(store.blob_size(&digest).is_none());
}

#[test]
fn a_blob_that_changed_on_disk_is_not_believed() {
    let (_root, store) = store();
    let digest = store.lease().unwrap().put_blob(b"right").unwrap();
    std::fs::write(store.blob_path(&digest), b"wrong").unwrap();
    assert!(matches!(store.read_blob(&digest), Err(Error::Corrupt { .. })));
}

#[test]
fn layers_are_unpacked_once_and_stacked_without_repetition() {
    if !crate::sys::tree::is_root() {
        crate::skip::aloud("unpacking layers needs root");
        return;
    }
    let (_root, store) = store();
    let record = import(&store, "web:1", &["a", "b", "a"]);
    let lease = store.lease().unwrap();
    let reused = |record| {
        let reports = layers::unpack(&lease, record, unpack::Limits::default(), &Silent).unwrap();
        reports.iter().map(|report| report.reused).collect::<Vec<_>>()
    };
    assert_eq!(reused(&record), [false, false, true]);
    assert_eq!(reused(&record), [true, true, true]);
    let dirs = record.lower_dirs(&store);
    assert_eq!(dirs, [store.layer_path(&record.layers[2].diff_id), store.layer_path(&record.layers[1].diff_id)]);
    let other = import(&store, "db:1", &["b"]);
    let reports = layers::unpack(&lease, &other, unpack::Limits::default(), &Silent).unwrap();
    assert_eq!(reports[0].shared_with, ["web:1"]);
    assert_eq!(store.size_bytes(&other), 4);
    // As after a kill between two steps: a half-written directory, and one whose report is missing.
    let folder = store.layer_folder(&other.layers[0].diff_id);
    std::fs::create_dir(folder.join("new")).unwrap();
    std::fs::write(folder.join("new/rest"), "").unwrap();
    std::fs::remove_file(folder.join("report.json")).unwrap();
    assert_eq!(reused(&other), [false]);
    assert!(!folder.join("new").exists() && folder.join("fs/b").exists());
}

#[test]
fn the_store_is_closed_to_other_users() {
    use std::os::unix::fs::PermissionsExt;
    let (_root, store) = store();
    assert_eq!(std::fs::metadata(&store.directory).unwrap().permissions().mode() & 0o777, 0o700);
}

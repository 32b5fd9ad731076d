//! A file of the student's.

use crate::image::digest::{Algorithm, Hasher};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Of a text, so much is read: no check needs more.
const MOST_TEXT_BYTES: u64 = 1 << 20;

/// What is known of it; of one that is not there, that.
pub fn of_file(path: &Path) -> Value {
    let Ok(about) = fs::symlink_metadata(path) else { return json!({ "exists": false }) };
    let sort = about.file_type();
    let kind = match () {
        () if sort.is_dir() => "dir",
        () if sort.is_symlink() => "symlink",
        () if sort.is_file() => "file",
        () if sort.is_char_device() => "char",
        () if sort.is_block_device() => "block",
        () if sort.is_fifo() => "fifo",
        () => "socket",
    };
    let mut facts = json!({
        "exists": true,
        "type": kind,
        "mode": format!("{:04o}", about.mode() & 0o7777),
        "size": about.size(),
        "uid": about.uid(),
        "gid": about.gid(),
        "nlink": about.nlink(),
    });
    match kind {
        "file" => {
            facts["sha256"] = json!(digest(path));
            if about.size() <= MOST_TEXT_BYTES {
                facts["text"] =
                    json!(fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned()));
            }
        }
        "symlink" => facts["target"] = json!(fs::read_link(path).ok()),
        "dir" => facts["entries"] = json!(entries(path)),
        _ => {}
    }
    facts
}

fn digest(path: &Path) -> Option<String> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update_from(fs::File::open(path).ok()?).ok()?;
    Some(hasher.finish().hex().to_owned())
}

fn entries(path: &Path) -> Vec<String> {
    let found = fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<String> = found.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_kind() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "abc\n").unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("l")).unwrap();
        let file = of_file(&folder.path().join("a"));
        assert_eq!((&file["type"], &file["text"], &file["size"]), (&json!("file"), &json!("abc"), &json!(4)));
        // As sha256sum(1) says of the four bytes "abc\n".
        assert_eq!(file["sha256"], "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb");
        assert_eq!(of_file(&folder.path().join("l"))["target"], "a");
        assert_eq!(of_file(folder.path())["entries"], json!(["a", "l"]));
        assert_eq!(of_file(&folder.path().join("b")), json!({ "exists": false }));
    }
}

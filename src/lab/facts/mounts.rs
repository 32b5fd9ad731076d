//! The mounts that a process sees, by mount point.
//!
//! Source: proc_pid_mountinfo(5), and mount_namespaces(7) for the propagation types.

use serde_json::{Map, Value, json};
use std::fs;

/// `mounts` and `mount_count`.
pub fn of(pid: i32) -> Map<String, Value> {
    let text = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    let mut mounts = Map::new();
    let mut count = 0;
    // Of two mounts at one point the later is in view.
    for (point, mount) in text.lines().filter_map(line) {
        mounts.insert(point, mount);
        count += 1;
    }
    Map::from_iter([("mounts".to_owned(), Value::Object(mounts)), ("mount_count".to_owned(), json!(count))])
}

fn line(line: &str) -> Option<(String, Value)> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let fields: Vec<&str> = mount.split(' ').collect();
    let filesystem: Vec<&str> = filesystem.split(' ').collect();
    let tags: Vec<&str> = fields.iter().skip(6).filter_map(|tag| propagation(tag)).collect();
    let mount = json!({
        "type": filesystem.first(),
        "source": filesystem.get(1),
        "options": fields.get(5),
        "propagation": if tags.is_empty() { "private".to_owned() } else { tags.join(",") },
    });
    Some((unescaped(fields.get(4)?), mount))
}

fn propagation(tag: &str) -> Option<&'static str> {
    match tag.split(':').next()? {
        "shared" => Some("shared"),
        "master" => Some("slave"),
        "unbindable" => Some("unbindable"),
        _ => None,
    }
}

/// Blanks of a path are written as three octal digits.
fn unescaped(field: &str) -> String {
    field.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_with_its_propagation() {
        let (point, mount) = line("36 35 98:0 / /mnt\\0402 rw,noatime shared:3 master:1 - ext4 /dev/root rw").unwrap();
        assert_eq!(point, "/mnt 2");
        assert_eq!(
            mount,
            json!({ "type": "ext4", "source": "/dev/root", "options": "rw,noatime", "propagation": "shared,slave" })
        );
        assert_eq!(line("22 27 0:21 / /proc rw - proc proc rw").unwrap().1["propagation"], "private");
        assert_eq!(line("nothing"), None);
    }
}

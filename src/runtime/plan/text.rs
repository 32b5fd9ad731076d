//! Strings and paths that a system call can take.
//!
//! JSON knows NUL, the kernel ends a string there: `/data\0/../etc` would be checked as one path and mounted as another.
//! And `..` is taken out here, as runc and Docker do: later, each place would read it in its own way.

use super::error::{PlanError, invalid};
use std::path::{Component, Path, PathBuf};

type Result<T> = std::result::Result<T, PlanError>;

/// The kernel's PATH_MAX, less the closing NUL.
const MAX_PATH_BYTES: usize = 4095;

/// A string for the kernel.
pub fn string(field: &'static str, text: &str) -> Result<String> {
    if text.contains('\0') { Err(invalid(field, text, "holds a NUL byte")) } else { Ok(text.to_owned()) }
}

/// A string for a call that takes no more than a path's length.
pub fn short(field: &'static str, text: &str) -> Result<String> {
    if text.len() > MAX_PATH_BYTES {
        return Err(invalid(field, text, "is longer than any path can be"));
    }
    string(field, text)
}

/// A list of strings.
pub fn strings(field: &'static str, list: Option<&[String]>) -> Result<Vec<String>> {
    list.unwrap_or_default().iter().map(|text| string(field, text)).collect()
}

/// A string for the kernel that may be left out, or be empty, which is the same.
pub fn optional(field: &'static str, text: Option<&str>) -> Result<Option<String>> {
    text.filter(|text| !text.is_empty()).map(|text| string(field, text)).transpose()
}

/// An absolute path of the container's, without `.` and `..`.
pub fn absolute(field: &'static str, path: &Path) -> Result<PathBuf> {
    let text = short(field, &path.to_string_lossy())?;
    if !path.is_absolute() {
        return Err(invalid(field, text, "is not an absolute path"));
    }
    let mut clean = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Ok(clean)
}

/// A list of such paths.
pub fn absolutes(field: &'static str, list: Option<&[String]>) -> Result<Vec<PathBuf>> {
    list.unwrap_or_default().iter().map(|path| absolute(field, Path::new(path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_clean() {
        let clean = |path: &str| absolute("x", Path::new(path)).ok().map(|path| path.display().to_string());
        assert_eq!(clean("/a/./b//c/").as_deref(), Some("/a/b/c"));
        assert_eq!(clean("/a/../../../b/x/..").as_deref(), Some("/b"));
        assert_eq!(clean("/..").as_deref(), Some("/"));
        for bad in ["", "a", "../a", "/a\0b", &"/a".repeat(2048)] {
            assert_eq!(clean(bad), None, "{bad:?}");
        }
    }
}

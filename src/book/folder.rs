//! A folder of our own for as long as it is needed.

use super::Error;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A temporary folder that only its user may enter. Dropped, it is taken away with all that is in it.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one below the system's folder for such things.
    ///
    /// # Errors
    /// When it cannot be made. One that is there already is not taken: it may be someone else's.
    pub fn new() -> Result<Folder, Error> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let path = std::env::temp_dir().join(format!("rlab-book-{}-{now:x}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(Error::file(&path))?;
        Ok(Folder(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody is left to be told; the system clears this place as well.
        let _left = std::fs::remove_dir_all(&self.0);
    }
}

//! Where a file of a container is on the host, so that a command can show it there.

use super::options::Bind;
use crate::image::reference::Reference;
use std::path::{Path, PathBuf};

/// The command of a look, with the file's path on the host; where the file is nowhere, the same look from inside.
pub fn check(command: &str, file: &Path, binds: &[Bind], layers: &[PathBuf], inside: &str) -> String {
    match on_host(file, binds, layers) {
        Some(path) => command.replace("{}", &quoted(&path)),
        None => format!("{inside} -l -d {}", quoted(file)),
    }
}

/// The command that lists a file from inside, without its path.
pub fn lister(root: &Path, image: &Reference) -> String {
    let own = if root == Path::new("/var/lib/rlab") { String::new() } else { format!(" --root {}", quoted(root)) };
    format!("rlab{own} run --rm --network none --entrypoint ls {}", image.familiar())
}

/// In what is bound over the tree, else in the topmost layer that has it.
fn on_host(file: &Path, binds: &[Bind], layers: &[PathBuf]) -> Option<PathBuf> {
    let bound = binds.iter().filter(|bind| file.starts_with(&bind.destination));
    if let Some(bind) = bound.max_by_key(|bind| bind.destination.components().count()) {
        let rest = file.strip_prefix(&bind.destination).ok()?;
        // Joining nothing would add a slash, and a file is no folder.
        let path = if rest.as_os_str().is_empty() { bind.source.clone() } else { bind.source.join(rest) };
        return path.symlink_metadata().is_ok().then_some(path);
    }
    let below = file.strip_prefix("/").unwrap_or(file);
    layers.iter().map(|layer| layer.join(below)).find(|path| path.symlink_metadata().is_ok())
}

/// As a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@%".contains(letter);
    if text.chars().all(plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_shown_where_it_lies() {
        let place = tempfile::tempdir().unwrap();
        let (bound, layer) = (place.path().join("b o"), place.path().join("layer"));
        std::fs::create_dir_all(layer.join("bin")).unwrap();
        std::fs::create_dir_all(&bound).unwrap();
        for file in [bound.join("x"), layer.join("bin/y")] {
            std::fs::File::create(file).unwrap();
        }
        let bind = Bind { source: bound.clone(), destination: "/mnt".into(), options: vec![] };
        let shown = |file: &str| {
            check("cat {}", Path::new(file), std::slice::from_ref(&bind), std::slice::from_ref(&layer), "ls")
        };
        assert_eq!(shown("/mnt/x"), format!("cat '{}/x'", bound.display()));
        assert_eq!(shown("/bin/y"), format!("cat {}/bin/y", layer.display()));
        assert_eq!(shown("/bin/z"), "ls -l -d /bin/z");
        assert_eq!(quoted(Path::new("/it's")), "'/it'\\''s'");
    }
}

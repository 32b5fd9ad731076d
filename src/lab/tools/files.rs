//! The tools that change files: `write`, `touch`, `mkdir`, `rm`. What they change is the container's own top layer.
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::error::At;
use super::{Error, Result, complain, flags};

pub fn write(args: &[OsString], _: &mut dyn Write) -> Result<u8> {
    let (_, [file, words @ ..]) = flags(args, "")? else { return Err(Error::Usage) };
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let mut text = words.join(&b' ');
    text.push(b'\n');
    // One write: cgroup and sysctl files take each write as a whole command.
    let opened = OpenOptions::new().write(true).create(true).truncate(true).open(file);
    opened.and_then(|mut file| file.write_all(&text)).at(file.display())?;
    Ok(0)
}

pub fn touch(args: &[OsString], _: &mut dyn Write) -> Result<u8> {
    let (_, files) = flags(args, "")?;
    each(files, "touch", |path| {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        // A directory cannot be opened for writing, but its time can be set.
        let file = file.or_else(|e| if e.kind() == ErrorKind::IsADirectory { File::open(path) } else { Err(e) })?;
        file.set_modified(std::time::SystemTime::now())
    })
}

pub fn mkdir(args: &[OsString], _: &mut dyn Write) -> Result<u8> {
    let (asked, dirs) = flags(args, "p")?;
    each(dirs, "mkdir", |path| if asked.contains('p') { fs::create_dir_all(path) } else { fs::create_dir(path) })
}

pub fn rm(args: &[OsString], _: &mut dyn Write) -> Result<u8> {
    let (asked, paths) = flags(args, "rRf")?;
    let (recursive, force) = (asked.contains(['r', 'R']), asked.contains('f'));
    each(paths, "rm", |path| {
        let done = match path.symlink_metadata() {
            Ok(meta) if meta.is_dir() && recursive => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(e) => Err(e),
        };
        done.or_else(|e| if force && e.kind() == ErrorKind::NotFound { Ok(()) } else { Err(e) })
    })
}

/// The others are done even when one fails.
fn each(paths: &[OsString], name: &str, act: impl Fn(&Path) -> io::Result<()>) -> Result<u8> {
    if paths.is_empty() {
        return Err(Error::Usage);
    }
    let mut code = 0;
    for path in paths {
        if let Err(e) = act(Path::new(path)).at(path.display()) {
            complain(&e, name);
            code = 1;
        }
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(run: fn(&[OsString], &mut dyn Write) -> Result<u8>, args: &[&OsString]) -> u8 {
        run(&args.iter().map(|arg| (*arg).clone()).collect::<Vec<_>>(), &mut Vec::new()).unwrap()
    }

    #[test]
    fn a_tree_is_made_filled_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).into_os_string();
        let (p, r, f): (OsString, OsString, OsString) = ("-p".into(), "-r".into(), "-f".into());
        assert_eq!(call(mkdir, &[&path("a/b")]), 1);
        assert_eq!(call(mkdir, &[&p, &path("a/b")]), 0);
        assert_eq!(call(write, &[&path("a/b/c"), &"two".into(), &"words".into()]), 0);
        assert_eq!(fs::read_to_string(path("a/b/c")).unwrap(), "two words\n");
        assert_eq!(call(touch, &[&path("a/b/c"), &path("a")]), 0);
        assert_eq!(fs::read_to_string(path("a/b/c")).unwrap(), "two words\n");
        assert_eq!(call(rm, &[&path("a")]), 1);
        assert_eq!(call(rm, &[&r, &path("a")]), 0);
        assert_eq!((call(rm, &[&path("a")]), call(rm, &[&f, &path("a")])), (1, 0));
    }
}

//! The `lab` image: rlab's own binary, a link to it for each tool, and the libraries it needs.
//!
//! Two layers, as an image from a registry would have: the libraries, which change with the host, below the binary,
//! which changes with each build of rlab.
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use super::config::{RunConfig, to_json};
use super::elf::Closure;
use super::error::{Error, Result};
use super::layer::{Attributes, LayerWriter, Packed};
use super::{Assembled, elf};
use crate::image::digest::{Algorithm, Digest, Hasher};

/// The name of the image, which no registry is asked for.
pub const NAME: &str = "lab";

/// The running rlab: what the image is packed from.
pub const OWN_BINARY: &str = "/proc/self/exe";

/// The links in `/bin`. The tools behind them are in `lab::tools`, which checks that it has all of these.
pub const TOOL_NAMES: &[&str] = &[
    "help", "sh", "id", "caps", "ns", "ps", "mount", "ip", "hostname", "uname", "dmesg", "date", "env", "free",
    "nproc", "eat", "burn", "bench", "forks", "httpd", "get", "ls", "cat", "write", "touch", "mkdir", "rm", "pwd",
    "echo", "kill", "sleep", "size", "true", "false",
];

/// The name the binary has in the image: by it, it knows that it is not called as rlab.
const BINARY: &str = "bin/rlab-tools";

/// How many seconds ago a file must have changed for its times to be trusted: some filesystems count time in steps of two.
const SETTLED_S: u64 = 3;

/// Tells one build of rlab from another; the image's config carries it.
const LABEL_BINARY: &str = "rlab.binary";

/// No password anywhere: nobody logs in to a container. Names of hosts are looked up in the file first, which without
/// nsswitch.conf the C library would do last or not at all.
const ETC: [(&str, &str); 5] = [
    ("etc/group", "root:x:0:\ntty:x:5:\nstudent:x:1000:\nnogroup:x:65534:\n"),
    ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("etc/nsswitch.conf", "hosts: files dns\n"),
    ("etc/os-release", "PRETTY_NAME=\"rlab lab\"\nNAME=\"rlab lab\"\nID=rlab-lab\n"),
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\n\
         student:x:1000:1000:student:/home/student:/bin/sh\n\
         nobody:x:65534:65534:nobody:/:/bin/false\n",
    ),
];

/// Packs the image from `binary` into layer files in `work_dir`. `kept` is a file of ours for the binary's digest, which
/// takes longer to compute than a container takes to start.
pub fn assemble(binary: &Path, work_dir: &Path, kept: &Path) -> Result<Assembled> {
    let closure = elf::closure(binary)?;
    let mut layers = Vec::new();
    // A binary linked statically needs no libraries, and then no layer for them.
    if closure.interpreter.is_some() {
        layers.push(pack_libraries(&closure, work_dir)?);
    }
    layers.push(pack_binary(binary, work_dir)?);
    let run = RunConfig {
        cmd: &["sh"],
        env: vec!["PATH=/bin".to_owned()],
        labels: vec![("maintainer", "rlab classroom".to_owned()), (LABEL_BINARY, digest_once(binary, kept)?)],
        ..RunConfig::default()
    };
    let config_json = to_json(&run, &layers);
    let layers = layers.into_iter().map(|layer| layer.file).collect();
    Ok(Assembled { config_json, layers, from: "rlab's own binary".to_owned() })
}

/// Whether an image with this config was packed from this very binary, or is from another build of rlab.
pub fn is_current(config_json: &[u8], binary: &Path, kept: &Path) -> Result<bool> {
    let config: serde_json::Value = serde_json::from_slice(config_json).unwrap_or_default();
    Ok(config["config"]["Labels"][LABEL_BINARY] == digest_once(binary, kept)?)
}

/// The digest, computed once for a file as long as it is the same: by what `make` and `git` trust in, and the time of its
/// last change of any kind, which nobody can set, see inode(7).
fn digest_once(binary: &Path, kept: &Path) -> Result<String> {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    digest_at(binary, kept, since.as_secs())
}

/// A file that changes twice within a tick of its filesystem's clock may keep its times. So the digest of one that was only
/// just changed is not kept, for the same reason that git does not trust its index of a "racily clean" file.
fn digest_at(binary: &Path, kept: &Path, now_s: u64) -> Result<String> {
    let meta = open(binary)?.1;
    let file = serde_json::json!([
        meta.dev(),
        meta.ino(),
        meta.size(),
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime(),
        meta.ctime_nsec()
    ]);
    let known = fs::read(kept).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    if let Some(digest) =
        known.filter(|known| known["file"] == file).and_then(|known| Some(known["digest"].as_str()?.to_owned()))
    {
        return Ok(digest);
    }
    let digest = digest(binary)?.to_string();
    if now_s.saturating_sub(meta.ctime().try_into().unwrap_or_default()) < SETTLED_S {
        return Ok(digest);
    }
    // Half a file is no JSON, and one that can't be written only costs time.
    let _costs_time = fs::write(kept, serde_json::json!({ "file": file, "digest": digest }).to_string());
    Ok(digest)
}

fn digest(binary: &Path) -> Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    hasher.update_from(open(binary)?.0).map_err(|source| Error::Read { path: binary.to_owned(), source })?;
    Ok(hasher.finish())
}

fn open(path: &Path) -> Result<(File, fs::Metadata)> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    Ok((file, meta))
}

fn pack_libraries(closure: &Closure, work_dir: &Path) -> Result<Packed> {
    let placed = closure.places();
    let mut layer = LayerWriter::create(work_dir.join("lab-libraries.tar"))?;
    for (place, library) in &placed {
        let (mut file, meta) = open(library)?;
        let attributes = Attributes::root(0o755, meta.mtime().cast_unsigned());
        parents(&mut layer, place, attributes)?;
        layer.file(place, attributes, meta.len(), &mut file)?;
    }
    let names: Vec<String> =
        placed.iter().map(|(place, _)| place.rsplit('/').next().unwrap_or(place).to_owned()).collect();
    layer.finish(format!("the libraries rlab is linked with: {}", names.join(" ")))
}

/// The directories above a path of the image, which in a tar come before it.
fn parents(layer: &mut LayerWriter, place: &str, attributes: Attributes) -> Result<()> {
    for (end, _) in place.match_indices('/') {
        layer.dir(&place[..end], attributes)?;
    }
    Ok(())
}

fn pack_binary(binary: &Path, work_dir: &Path) -> Result<Packed> {
    let (mut file, meta) = open(binary)?;
    let mtime_s = meta.mtime().cast_unsigned();
    let of = |mode| Attributes::root(mode, mtime_s);
    let mut layer = LayerWriter::create(work_dir.join("lab-tools.tar"))?;
    layer.dir("bin", of(0o755))?;
    layer.file(BINARY, of(0o755), meta.len(), &mut file)?;
    let target = BINARY.trim_start_matches("bin/");
    let mut names = TOOL_NAMES.to_vec();
    names.sort_unstable();
    for name in &names {
        layer.symlink(&format!("bin/{name}"), target, mtime_s)?;
    }
    for empty in ["dev", "proc", "run", "sys"] {
        layer.dir(empty, of(0o755))?;
    }
    layer.dir("etc", of(0o755))?;
    for (path, text) in ETC {
        layer.text(path, of(0o644), text)?;
    }
    layer.dir("home", of(0o755))?;
    layer.dir("home/student", of(0o755).owned_by(1000, 1000))?;
    layer.dir("root", of(0o700))?;
    layer.dir("tmp", of(0o1777))?;
    layer.finish(format!("rlab's own binary and a link to it for each of {} tools", names.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn two_packings_are_the_same_and_know_their_binary() {
        let binary = Path::new("/bin/sh");
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let kept = one.path().join("kept");
        let first = assemble(binary, one.path(), &kept).unwrap();
        assert!(kept.exists(), "the next run would be the first to leave it");
        let second = assemble(binary, two.path(), &two.path().join("kept")).unwrap();
        assert_eq!(first.config_json, second.config_json);
        assert_eq!(first.layers.len(), 2);
        let is = |config: &[u8], binary: &Path| is_current(config, binary, &kept).unwrap();
        assert!(is(&first.config_json, binary) && is(&first.config_json, binary));
        assert!(!is(&first.config_json, Path::new("/bin/true")));
        assert!(!is(b"{}", binary));
        // Another content of the same length at the same place; and what is kept is damaged.
        let copy = one.path().join("copy");
        fs::copy(binary, &copy).unwrap();
        assert!(is(&first.config_json, &copy));
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let later = now + 2 * SETTLED_S;
        let digest = digest_at(&copy, &kept, later).unwrap();
        // Longer than any clock of a kernel takes for a tick, or the two changes would look like one.
        std::thread::sleep(std::time::Duration::from_millis(20));
        let file = File::options().write(true).open(&copy).unwrap();
        let written = file.metadata().unwrap().modified().unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"#", 0).unwrap();
        file.set_modified(written).unwrap();
        assert_ne!(digest_at(&copy, &kept, now).unwrap(), digest);
        let named = || fs::read_to_string(&kept).unwrap().contains(&digest);
        assert!(named(), "of one just changed nothing is kept");
        digest_at(&copy, &kept, later).unwrap();
        assert!(!named() && !is(&first.config_json, &copy));
        fs::write(&kept, "{\"file\":").unwrap();
        assert!(is(&first.config_json, binary));
    }

    #[test]
    fn every_tool_has_a_link_and_parents_come_first() {
        let dir = tempfile::tempdir().unwrap();
        let image = assemble(Path::new("/bin/sh"), dir.path(), &dir.path().join("kept")).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for layer in &image.layers {
            let mut archive = tar::Archive::new(File::open(&layer.path).unwrap());
            for entry in archive.entries().unwrap() {
                let path = entry.unwrap().path().unwrap().into_owned();
                let parent = path.parent().unwrap();
                assert!(parent == Path::new("") || seen.contains(parent), "{}", path.display());
                seen.insert(path);
            }
        }
        assert!(TOOL_NAMES.iter().all(|name| seen.contains(&Path::new("bin").join(name))));
    }

    #[test]
    fn the_tools_run_with_nothing_but_the_image() {
        let program = std::env::current_exe().unwrap().with_file_name("../rlab");
        if crate::sys::geteuid() != 0 || !program.exists() {
            crate::skip::aloud(format!("entering the lab image needs root and {}", program.display()));
            return;
        }
        let (archives, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for layer in assemble(&program, archives.path(), &archives.path().join("kept")).unwrap().layers {
            let unpacked = Command::new("tar").arg("-xf").arg(layer.path).arg("-C").arg(root.path()).status();
            assert!(unpacked.unwrap().success());
        }
        let script = "cd /tmp && id; echo $?; ps || true; ls -l /bin/sh; cat /etc/os-release";
        let said = Command::new("chroot")
            .arg(root.path())
            .args(["/bin/sh", "-c", script])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
        assert!(out.starts_with("uid=0(root) gid=0(root) groups=0(root)") && out.contains("\n0\n"), "{out}{err}");
        assert!(out.contains("/bin/sh -> rlab-tools") && out.contains("PRETTY_NAME=\"rlab lab\""), "{out}");
        assert!(err.contains("ps: no proc file system is mounted at /proc"), "{err}");
    }
}

//! Asking the host's own package manager: which packages an image needs, and their files.
//!
//! apt resolves dependencies and checks the archive's signatures; doing either here would be doing it worse. It is given
//! directories of its own and the empty status of a machine where nothing is installed, so its answer is the whole
//! closure, and the host's package database is neither locked nor written. See apt.conf(5), apt-get(8).
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::super::error::{Error, Result};
use super::listing::{Package, parse_uri};
use crate::image::digest::Hasher;

/// The host's hooks are left out: they tidy the host's own directories, or tell its desktop.
const CONFIG: &str = "#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
APT::Install-Recommends \"false\";
APT::Install-Suggests \"false\";
APT::Get::AllowUnauthenticated \"false\";
APT::Update::Error-Mode \"any\";
Acquire::Languages \"none\";
Acquire::Retries \"1\";
Acquire::http::Timeout \"10\";
Acquire::https::Timeout \"10\";
Debug::NoLocking \"true\";
";

const HOST_LISTS: &str = "/var/lib/apt/lists";

/// What apt and its methods say when nobody answers, in the C locale.
const OFFLINE: [&str; 8] = [
    "Could not resolve",
    "Temporary failure resolving",
    "Could not connect",
    "Unable to connect",
    "Cannot initiate the connection",
    "connection timed out",
    "Connection timed out",
    "Connection failed",
];

/// apt with directories of its own, kept so that the second time nothing is fetched.
pub struct Apt {
    dir: PathBuf,
    /// For what is worth keeping only while the image is made.
    scratch: PathBuf,
    lists: PathBuf,
}

impl Apt {
    /// The host's lists are read where it has some; no list of the host's is ever written.
    pub fn new(dir: &Path, scratch: &Path) -> Result<Self> {
        // apt reads a relative path as one below another of its directories.
        let absolute =
            |path: &Path| std::path::absolute(path).map_err(|source| Error::Write { path: path.to_owned(), source });
        let (dir, scratch) = (absolute(dir)?, absolute(scratch)?);
        let kept = ["archives/partial", "lists/partial"].map(|name| dir.join(name));
        let dirs = kept.into_iter().chain([scratch.join("nothing/partial")]);
        for path in dirs {
            fs::create_dir_all(&path).map_err(|source| Error::Write { path, source })?;
        }
        for (name, text) in [("apt.conf", CONFIG), ("status", "")] {
            let path = scratch.join(name);
            fs::write(&path, text).map_err(|source| Error::Write { path, source })?;
        }
        let own = dir.join("lists");
        // Lists fetched here are newer than the host's: they were fetched because those would not do.
        let lists = if has_packages(&own) || !has_packages(Path::new(HOST_LISTS)) { own } else { HOST_LISTS.into() };
        Ok(Self { dir, scratch, lists })
    }

    /// Fetches new lists into the private directory, checked by apt against the host's keys.
    pub fn update(&mut self) -> Result<()> {
        self.lists = self.dir.join("lists");
        self.run("update the package lists", &self.archives(), &["update", "-qq"]).map(drop)
    }

    pub fn lists_are_missing(&self) -> bool {
        !has_packages(&self.lists)
    }

    /// These packages and all they depend on, by name.
    pub fn resolve(&self, names: &[&str]) -> Result<Vec<Package>> {
        let args = [&["install", "-qq", "-y", "--print-uris"], names].concat();
        let said = self.run("resolve the packages", &self.scratch.join("nothing"), &args)?;
        let mut packages: Vec<Package> = said.lines().filter_map(parse_uri).collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(packages)
    }

    /// Fetches what is not here yet, and compares each file with the digest the lists promise.
    pub fn fetch(&self, names: &[&str], packages: &[Package]) -> Result<()> {
        for package in packages {
            let path = self.path(package);
            // apt takes a file of the right size for the right file: a damaged one is put out of its way.
            if !self.is_intact(package)? && path.starts_with(&self.dir) {
                let removed = fs::remove_file(&path);
                removed.or_else(missing_is_fine).map_err(|source| Error::Write { path, source })?;
            }
        }
        if !self.all_here(packages) {
            self.run(
                "fetch the packages",
                &self.archives(),
                &[&["install", "-qq", "-y", "--download-only"], names].concat(),
            )?;
        }
        for package in packages {
            if !self.is_intact(package)? {
                return Err(Error::Damaged { package: package.file.clone() });
            }
        }
        Ok(())
    }

    /// Fetches these packages alone, without what they depend on, and compares each with the digest the lists promise.
    pub fn download(&self, packages: &[Package]) -> Result<()> {
        let exact: Vec<String> =
            packages.iter().map(|package| format!("{}={}", package.name, package.version)).collect();
        let args: Vec<&str> = ["download", "-qq"].into_iter().chain(exact.iter().map(String::as_str)).collect();
        self.run("fetch the packages", &self.archives(), &args)?;
        match packages.iter().find_map(|package| self.is_intact(package).map(|is| (!is).then_some(package)).transpose())
        {
            Some(damaged) => Err(Error::Damaged { package: damaged?.file.clone() }),
            None => Ok(()),
        }
    }

    pub fn all_here(&self, packages: &[Package]) -> bool {
        packages.iter().all(|package| self.path(package).exists())
    }

    /// Where the package's file is. One from a directory of this host stays there.
    pub fn path(&self, package: &Package) -> PathBuf {
        match package.uri.strip_prefix("file:") {
            Some(path) => PathBuf::from(path.trim_start_matches("//")),
            None => self.archives().join(&package.file),
        }
    }

    fn archives(&self) -> PathBuf {
        self.dir.join("archives")
    }

    fn is_intact(&self, package: &Package) -> Result<bool> {
        let path = self.path(package);
        let Some(digest) = &package.digest else { return Ok(path.exists()) };
        let mut hasher = Hasher::new(digest.algorithm());
        match File::open(&path).and_then(|file| hasher.update_from(file)) {
            Ok(_) => Ok(hasher.finish() == *digest),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// `archives` is the directory to look for packages in: apt names only those that are not there yet, so to be told
    /// of all it is shown an empty one.
    fn run(&self, what: &'static str, archives: &Path, args: &[&str]) -> Result<String> {
        let mut command = Command::new("apt-get");
        command
            .arg("-c")
            .arg(self.scratch.join("apt.conf"))
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive");
        let scratch = |name| self.scratch.join(name);
        let own = [
            ("Dir::State", self.scratch.clone()),
            ("Dir::State::status", scratch("status")),
            ("Dir::State::extended_states", scratch("extended_states")),
            ("Dir::State::lists", self.lists.clone()),
            ("Dir::Cache", self.dir.clone()),
            ("Dir::Cache::archives", archives.to_owned()),
            ("Dir::Cache::pkgcache", scratch("pkgcache.bin")),
            ("Dir::Cache::srcpkgcache", scratch("srcpkgcache.bin")),
            ("Dir::Log", scratch("log")),
        ];
        for (key, path) in own {
            command.arg("-o").arg(format!("{key}={}", path.display()));
        }
        // `download` puts files where it is run.
        let output = output("apt-get", command.args(args).current_dir(self.archives()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(failure(what, &String::from_utf8_lossy(&output.stderr)))
    }
}

/// Runs a program of the package manager to its end; its absence means that this is no Debian.
pub fn output(program: &'static str, command: &mut Command) -> Result<Output> {
    command.stdin(Stdio::null()).output().map_err(|source| not_started(program, source))
}

pub fn not_started(program: &'static str, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound => Error::NoPackageManager { program },
        _ => Error::NotStarted { program, source },
    }
}

fn missing_is_fine(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn has_packages(lists: &Path) -> bool {
    let Ok(entries) = fs::read_dir(lists) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
}

/// Of all that apt complains about, the first error is the cause and the rest its consequences.
fn failure(what: &'static str, stderr: &str) -> Error {
    let complaint =
        |mark: &str| stderr.lines().find_map(|line| line.strip_prefix(mark)).map(|text| text.trim().to_owned());
    let message = complaint("E:").or_else(|| complaint("W:")).unwrap_or_else(|| "it did not say why".to_owned());
    if OFFLINE.iter().any(|sign| stderr.contains(sign)) {
        Error::Unreachable { what, message }
    } else {
        Error::Apt { what, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::digest::Digest;

    #[test]
    fn nobody_answering_is_told_from_other_failures() {
        let offline = "E: Failed to fetch http://d/x.deb  Temporary failure resolving 'd'\nE: Unable to fetch some";
        assert!(matches!(failure("x", offline), Error::Unreachable { message, .. } if message.starts_with("Failed")));
        let unknown = "E: Unable to locate package nginx\n";
        assert!(
            matches!(failure("x", unknown), Error::Apt { message, .. } if message == "Unable to locate package nginx")
        );
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_the_package() {
        let dir = tempfile::tempdir().unwrap();
        let apt = Apt::new(&dir.path().join("kept"), dir.path()).unwrap();
        let mut package = parse_uri("'http://d/x' x_1_all.deb 1 -").unwrap();
        package.digest = Some(Digest::sha256(b"good"));
        assert!(!apt.is_intact(&package).unwrap());
        fs::write(apt.path(&package), "bad").unwrap();
        assert!(!apt.is_intact(&package).unwrap());
        fs::write(apt.path(&package), "good").unwrap();
        assert!(apt.is_intact(&package).unwrap());
    }
}

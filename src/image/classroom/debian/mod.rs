//! Images assembled from a distribution's packages, by its own package manager.
//!
//! Three layers, as images from a registry have: a small Debian, the program, its configuration. Two images of this
//! kind share the first, down to its digest, so it is stored and unpacked once.
mod apt;
mod kernel;
mod listing;
mod package;
mod recipe;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Assembled;
use super::config::{RunConfig, to_json};
use super::error::Result;
use super::layer::{Attributes, LayerWriter, Packed};
use apt::Apt;
use listing::Package;
use package::{REPLACED, Unpacker};
use recipe::{BASE, RECIPES};

pub use kernel::unpack_kernel;
pub use recipe::Recipe;

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Files that the base packages bring as patterns, and where their scripts would have put them.
const PATTERNS: [(&str, &str); 3] = [
    ("usr/share/base-passwd/group.master", "etc/group"),
    ("usr/share/base-passwd/passwd.master", "etc/passwd"),
    ("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf"),
];
const WANTED: [&str; 3] = [PATTERNS[0].0, PATTERNS[1].0, PATTERNS[2].0];

/// The recipe for an image of this name, if there is one.
pub fn recipe(name: &str) -> Option<&'static Recipe> {
    RECIPES.iter().find(|recipe| recipe.name == name)
}

/// Whose packages this host has: `Debian 12`.
pub fn host_name() -> String {
    parse_host(&fs::read_to_string("/etc/os-release").unwrap_or_default())
}

/// Assembles the image into layer files in `work_dir`. Packages are kept in `cache_dir`, which no other process may use
/// meanwhile. `progress` is told what goes on, a line at a time.
pub fn assemble(recipe: &Recipe, cache_dir: &Path, work_dir: &Path, progress: &dyn Fn(&str)) -> Result<Assembled> {
    let mut apt = Apt::new(cache_dir, work_dir)?;
    let stale = if apt.lists_are_missing() {
        "there are no package lists here".to_owned()
    } else {
        match gather(&apt, recipe, progress) {
            Ok(packages) => return build(&apt, recipe, packages, work_dir, progress),
            // Old lists name files that the archive no longer has; new ones may help.
            Err(e @ super::Error::Apt { .. }) => e.to_string(),
            Err(e) => return Err(e),
        }
    };
    progress(&format!("{stale}: fetching new ones"));
    apt.update()?;
    let packages = gather(&apt, recipe, progress)?;
    build(&apt, recipe, packages, work_dir, progress)
}

type Packages = (Vec<Package>, Vec<Package>);

fn build(
    apt: &Apt,
    recipe: &Recipe,
    (base, own): Packages,
    work_dir: &Path,
    progress: &dyn Fn(&str),
) -> Result<Assembled> {
    let host = host_name();
    let mut stack = Stack { apt, host: &host, work_dir, layers: Vec::new(), etc: Vec::new(), linked: BTreeSet::new() };
    for (i, packages) in [&base, &own].into_iter().enumerate() {
        progress(&format!("unpacking layer {} of 3: {} packages", i + 1, packages.len()));
        stack.packages(packages)?;
    }
    stack.configuration(recipe)?;
    let main = own.iter().chain(&base).find(|package| package.name == recipe.packages[0]);
    let (name, version) = main.map_or((recipe.name, ""), |package| (&package.name, &package.version));
    let from = format!("{} packages {name} {version} and {} more", host, (base.len() + own.len()).saturating_sub(1));
    let run = RunConfig {
        cmd: recipe.cmd,
        env: vec![PATH.to_owned(), format!("{}={}", recipe.version_variable, upstream(version))],
        exposed_ports: recipe.exposed_ports,
        stop_signal: recipe.stop_signal,
        user: recipe.user,
        working_dir: recipe.working_dir,
        labels: vec![("maintainer", "rlab classroom".to_owned()), ("rlab.from", from.clone())],
    };
    let config_json = to_json(&run, &stack.layers);
    Ok(Assembled { config_json, layers: stack.layers.into_iter().map(|layer| layer.file).collect(), from })
}

/// The packages of the base, and those that come on top of it, all of them here.
fn gather(apt: &Apt, recipe: &Recipe, progress: &dyn Fn(&str)) -> Result<Packages> {
    progress(&format!("asking apt what {} needs", recipe.name));
    let names = [BASE, recipe.packages].concat();
    let base = apt.resolve(BASE)?;
    let all = apt.resolve(&names)?;
    if !apt.all_here(&all) {
        let bytes: u64 = all.iter().map(|package| package.size_bytes).sum();
        progress(&format!("fetching {} packages, {} MB", all.len(), bytes.div_ceil(1_000_000)));
    }
    apt.fetch(&names, &all)?;
    let own = all.iter().filter(|package| !base.contains(package)).cloned().collect();
    // A base package that another choice replaced is not there; what was chosen is in `own`.
    Ok((base.into_iter().filter(|package| all.contains(package)).collect(), own))
}

/// The layers so far, bottom first.
struct Stack<'a> {
    apt: &'a Apt,
    host: &'a str,
    work_dir: &'a Path,
    layers: Vec<Packed>,
    /// Patterns found on the way, by the place they go to.
    etc: Vec<(&'static str, String)>,
    linked: BTreeSet<&'static str>,
}

impl Stack<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.work_dir.join(format!("{}-{name}.tar", self.layers.len()))
    }

    fn packages(&mut self, packages: &[Package]) -> Result<()> {
        let mut layer = LayerWriter::create(self.path("packages"))?;
        let mut unpacker = Unpacker::new(&mut layer, &WANTED);
        for package in packages {
            unpacker.unpack(package, &self.apt.path(package))?;
        }
        let (found, merged) = (unpacker.found, unpacker.merged);
        let newest_s = layer.newest_s();
        for dir in merged {
            if self.linked.insert(dir) {
                layer.symlink(dir, &format!("usr/{dir}"), newest_s)?;
            }
        }
        if self.layers.is_empty() {
            for (path, target) in REPLACED {
                layer.symlink(path, target, newest_s)?;
            }
        }
        for (pattern, text) in found {
            if let Some((_, place)) = PATTERNS.iter().find(|(from, _)| *from == pattern) {
                layer.text(place, Attributes::root(0o644, newest_s), &text)?;
                self.etc.push((place, text));
            }
        }
        let names: Vec<String> = packages.iter().map(|p| format!("{} {}", p.name, p.version)).collect();
        self.layers.push(layer.finish(format!("{} packages: {}", self.host, names.join(", ")))?);
        Ok(())
    }

    /// What the maintainer scripts would have done, and what makes a server's configuration a container's.
    fn configuration(&mut self, recipe: &Recipe) -> Result<()> {
        let mtime_s = self.layers.iter().map(|layer| layer.newest_s).max().unwrap_or(0);
        let mut layer = LayerWriter::create(self.path("configuration"))?;
        for dir in recipe.dirs {
            layer.dir(dir.path, Attributes::root(dir.mode, mtime_s).owned_by(dir.owner, dir.owner))?;
        }
        for (path, text) in recipe.files {
            layer.text(path, Attributes::root(0o644, mtime_s), text)?;
        }
        for (path, target) in recipe.links {
            layer.symlink(path, target, mtime_s)?;
        }
        for (path, text) in self.etc.iter().filter(|_| !recipe.accounts.is_empty()) {
            let added: String = recipe.accounts.iter().filter_map(|account| account.line(path)).collect();
            if !added.is_empty() {
                layer.text(path, Attributes::root(0o644, mtime_s), &format!("{text}{added}"))?;
            }
        }
        self.layers.push(layer.finish(format!("{} set up as a container", recipe.name))?);
        Ok(())
    }
}

impl recipe::Account {
    /// Its line in a file of accounts; other files have none.
    fn line(&self, path: &str) -> Option<String> {
        let Self { name, id, home } = self;
        match path {
            "etc/passwd" => Some(format!("{name}:x:{id}:{id}:{name}:{home}:/usr/sbin/nologin\n")),
            "etc/group" => Some(format!("{name}:x:{id}:\n")),
            _ => None,
        }
    }
}

/// The first word of the name, and the number. See os-release(5).
fn parse_host(os_release: &str) -> String {
    let field = |key: &str| {
        let value = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(value.trim_matches(['"', '\'']))
    };
    let name = field("NAME").and_then(|name| name.split(' ').next()).unwrap_or("the host's");
    [name, field("VERSION_ID").unwrap_or("")].join(" ").trim().to_owned()
}

/// `7.0.15` of `5:7.0.15-1~deb12u10`: the version its makers gave it. See deb-version(7).
fn upstream(version: &str) -> &str {
    let without_epoch = version.split_once(':').map_or(version, |(_, rest)| rest);
    without_epoch.rsplit_once('-').map_or(without_epoch, |(upstream, _)| upstream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_hosts_are_named_as_people_do() {
        assert_eq!(["5:7.0.15-1~deb12u10", "1.22.1-9", "12.4"].map(upstream), ["7.0.15", "1.22.1", "12.4"]);
        assert_eq!(parse_host("NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n"), "Debian 12");
        assert_eq!(parse_host("NAME=Ubuntu\nVERSION_ID='24.04'"), "Ubuntu 24.04");
        assert_eq!(parse_host(""), "the host's");
    }

    #[test]
    fn an_account_is_added_to_both_files_and_no_other() {
        let account = recipe::Account { name: "redis", id: 999, home: "/data" };
        assert_eq!(account.line("etc/passwd").unwrap(), "redis:x:999:999:redis:/data:/usr/sbin/nologin\n");
        assert_eq!(account.line("etc/group").unwrap(), "redis:x:999:\n");
        assert_eq!(account.line("etc/nsswitch.conf"), None);
    }

    #[test]
    fn nginx_comes_with_all_it_needs_and_twice_the_same() {
        // Beside the test program, so that a second run of the tests fetches nothing; for who may not write there, elsewhere.
        let elsewhere = tempfile::tempdir().unwrap();
        let beside = std::env::current_exe().unwrap().with_file_name("../classroom-apt");
        let cache = if crate::sys::geteuid() == 0 { &beside } else { elsewhere.path() };
        let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [one, two] = dirs.each_ref().map(|dir| dir.path());
        let first = match assemble(recipe("nginx").unwrap(), cache, one, &|_| {}) {
            Err(error @ (super::super::Error::NoPackageManager { .. } | super::super::Error::Unreachable { .. })) => {
                crate::skip::aloud(format!("nginx is not assembled: {error}"));
                return;
            }
            other => other.unwrap(),
        };
        let second =
            assemble(recipe("nginx").unwrap(), cache, two, &|line| assert!(!line.contains("fetching"))).unwrap();
        assert_eq!((&first.config_json, first.layers.len()), (&second.config_json, 3));
        let mut seen = BTreeSet::new();
        for layer in &first.layers {
            let mut archive = tar::Archive::new(fs::File::open(&layer.path).unwrap());
            seen.extend(archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()));
        }
        for path in ["usr/sbin/nginx", "usr/bin/sh", "etc/passwd", "var/log/nginx/access.log", "bin", "lib"] {
            assert!(seen.contains(Path::new(path)), "{path}");
        }
        assert!(!seen.iter().any(|path| path.starts_with("bin/") && path != Path::new("bin")));
    }
}

//! Values as Docker's flags spell them: `64m`, `0.5`, `nofile=1024:2048`, `/src:/dst:ro`. Pure.

use crate::engine::options::{Bind, Seccomp, Tmpfs, Ulimit};
use std::path::{Component, Path, PathBuf};

/// A size in bytes: a number with b, k, m, g or t, in powers of 1024. `-1` is unlimited.
pub fn bytes(text: &str) -> Result<i64, String> {
    if text == "-1" {
        return Ok(-1);
    }
    let lower = text.to_ascii_lowercase();
    let bare = lower.strip_suffix('b').filter(|rest| !rest.is_empty()).unwrap_or(&lower);
    let (number, shift) = match bare.char_indices().next_back() {
        Some((at, 'k')) => (&bare[..at], 10),
        Some((at, 'm')) => (&bare[..at], 20),
        Some((at, 'g')) => (&bare[..at], 30),
        Some((at, 't')) => (&bare[..at], 40),
        _ => (bare, 0),
    };
    let refused = || format!("{text:?} is no size: it reads 64m, 1g, 512k or a number of bytes");
    let number: f64 = number.parse().map_err(|_| refused())?;
    let bytes = number * f64::from(1u32 << 10).powi(shift / 10);
    if (0.0..9.0e18).contains(&bytes) { Ok(bytes as i64) } else { Err(refused()) }
}

/// Processors, `0.5`, as thousandths.
pub fn cpus(text: &str) -> Result<u64, String> {
    let refused = || format!("{text:?} is no number of processors: it reads 0.5 or 2");
    let number: f64 = text.parse().map_err(|_| refused())?;
    // The kernel takes no quota below a millisecond of a period of a hundred.
    if (0.01..=8192.0).contains(&number) { Ok((number * 1000.0).round() as u64) } else { Err(refused()) }
}

/// `nofile=1024` or `nofile=1024:2048`.
pub fn ulimit(text: &str) -> Result<Ulimit, String> {
    let refused = || format!("{text:?} is no limit: it reads nofile=1024 or nofile=1024:2048");
    let (name, limits) = text.split_once('=').ok_or_else(refused)?;
    let number = |text: &str| if text == "unlimited" { Ok(-1) } else { text.parse::<i64>().map_err(|_| refused()) };
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    Ok(Ulimit { name: name.to_owned(), soft: number(soft)?, hard: number(hard)? })
}

/// `/host:/container[:ro,…]`.
pub fn bind(text: &str) -> Result<Bind, String> {
    let mut parts = text.splitn(3, ':');
    let (source, destination) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if destination.is_empty() {
        return Err(format!("{text:?} reads /host/path:/container/path[:ro]; anonymous volumes are not there yet"));
    }
    inside(destination).map_err(|reason| format!("{text:?}: {reason}"))?;
    let source = match source {
        relative if relative.starts_with("./") || relative.starts_with("../") || relative == "." => {
            std::path::absolute(relative).map_err(|error| format!("{relative}: {error}"))?
        }
        absolute if absolute.starts_with('/') => PathBuf::from(absolute),
        name => return Err(format!("{name:?} is no path: named volumes are not there yet, give /path or ./path")),
    };
    let mut options = Vec::new();
    for word in parts.next().unwrap_or_default().split(',').filter(|word| !word.is_empty()) {
        match word {
            "ro" | "rw" | "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared" => {
                options.push(word.to_owned())
            }
            // Labels for SELinux, which rlab does not set: a Docker command line with them still works.
            "z" | "Z" => {}
            other => return Err(format!("{other:?} in {text:?} is no option of a bind mount")),
        }
    }
    Ok(Bind { source, destination: PathBuf::from(destination), options })
}

/// Where something may be mounted. Over `/` it would hide the image, and with it the program.
fn inside(destination: &str) -> Result<(), String> {
    let path = Path::new(destination);
    if !path.is_absolute() {
        return Err(format!("{destination:?} is not an absolute path"));
    }
    match path.components().any(|part| matches!(part, Component::Normal(_))) {
        true => Ok(()),
        false => Err(format!("{destination:?} is the image's own place")),
    }
}

/// `/path[:size=64m,…]`.
pub fn tmpfs(text: &str) -> Result<Tmpfs, String> {
    let (path, options) = text.split_once(':').unwrap_or((text, ""));
    inside(path)?;
    let options = options.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    Ok(Tmpfs { destination: PathBuf::from(path), options })
}

/// `net.ipv4.ip_forward=1`.
pub fn sysctl(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} reads net.ipv4.ip_forward=1")),
    }
}

/// What `--security-opt` can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecurityOpt {
    /// `seccomp=unconfined`, `seccomp=FILE`.
    Seccomp(Seccomp),
    /// `no-new-privileges`.
    NoNewPrivileges(bool),
}

/// One `--security-opt`.
pub fn security_opt(text: &str) -> Result<SecurityOpt, String> {
    match text.split_once(['=', ':']).unwrap_or((text, "")) {
        ("no-new-privileges", "" | "true") => Ok(SecurityOpt::NoNewPrivileges(true)),
        ("no-new-privileges", "false") => Ok(SecurityOpt::NoNewPrivileges(false)),
        ("seccomp", "unconfined") => Ok(SecurityOpt::Seccomp(Seccomp::Unconfined)),
        // Made absolute now: rlab goes to other directories before it reads the file.
        ("seccomp", file) if !file.is_empty() => {
            let path = std::path::absolute(file).map_err(|error| format!("{file}: {error}"))?;
            Ok(SecurityOpt::Seccomp(Seccomp::File(path)))
        }
        ("apparmor" | "label", _) => Err(format!("{text:?}: rlab sets neither AppArmor profiles nor SELinux labels")),
        _ => Err(format!("{text:?} reads seccomp=unconfined, seccomp=FILE or no-new-privileges")),
    }
}

/// The lines of an `--env-file`: NAME=VALUE, NAME (from rlab's own environment), # and empty lines.
pub fn env_file(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(env).collect()
}

/// `NAME=VALUE`, or `NAME` for the value it has here; a name without a value here takes the variable away.
pub fn env(text: &str) -> String {
    if text.contains('=') {
        return text.to_owned();
    }
    std::env::var(text).map_or_else(|_| text.to_owned(), |value| format!("{text}={value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        assert_eq!(bytes("64m"), Ok(64 << 20));
        assert_eq!(bytes("1G"), Ok(1 << 30));
        assert_eq!(bytes("512kb"), Ok(512 << 10));
        assert_eq!(bytes("100"), Ok(100));
        assert_eq!(bytes("-1"), Ok(-1));
        for bad in ["", "m", "-5", "64 q", "nan"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn processors_are_counted_in_thousandths() {
        assert_eq!(cpus("0.5"), Ok(500));
        assert_eq!(cpus("2"), Ok(2000));
        assert!(cpus("0").is_err() && cpus("much").is_err());
    }

    #[test]
    fn a_bind_names_both_sides() {
        let read = bind("/a:/b:ro").unwrap();
        assert_eq!((read.source, read.destination, read.options), ("/a".into(), "/b".into(), vec!["ro".to_owned()]));
        assert!(bind("/a").unwrap_err().contains("anonymous"));
        assert!(bind("data:/b").unwrap_err().contains("named volumes"));
        assert!(bind("/a:b").unwrap_err().contains("absolute"));
        for root in ["/", "//", "/."] {
            assert!(bind(&format!("/a:{root}")).unwrap_err().contains("own place"));
            assert!(tmpfs(root).unwrap_err().contains("own place"));
        }
    }

    #[test]
    fn limits_and_options_are_read() {
        assert_eq!(ulimit("nofile=10:20").unwrap(), Ulimit { name: "nofile".into(), soft: 10, hard: 20 });
        assert_eq!(ulimit("core=-1").unwrap().hard, -1);
        assert_eq!(security_opt("no-new-privileges"), Ok(SecurityOpt::NoNewPrivileges(true)));
        assert!(security_opt("apparmor=x").is_err());
        assert_eq!(env_file("# no\n\nA=1\n B=2"), ["A=1", "B=2"]);
    }
}

//! What the images of distribution packages are made of: data, an entry an image.
//!
//! Each follows the official image of its name in what shows from outside: the command, the port, the signal that stops
//! it, the user, where the logs go. What a package's maintainer scripts would have done is written here, because the
//! scripts are not run: they are made for a whole system, and would run as root on this host.

/// An image made of packages.
#[derive(Debug)]
pub struct Recipe {
    /// The name it is run by.
    pub name: &'static str,
    /// What apt is asked to install, besides [`BASE`]. The first gives the image its version.
    pub packages: &'static [&'static str],
    /// The environment variable that tells the version, as the official image has it.
    pub version_variable: &'static str,
    pub cmd: &'static [&'static str],
    pub exposed_ports: &'static [&'static str],
    pub stop_signal: Option<&'static str>,
    pub user: &'static str,
    pub working_dir: &'static str,
    /// Users and groups that the packages' scripts would have added.
    pub accounts: &'static [Account],
    /// The top layer: what the scripts would have made, and what makes it a container's and not a server's.
    pub dirs: &'static [Dir],
    pub files: &'static [(&'static str, &'static str)],
    pub links: &'static [(&'static str, &'static str)],
}

/// A user with a group of the same name and number.
#[derive(Debug)]
pub struct Account {
    pub name: &'static str,
    pub id: u64,
    pub home: &'static str,
}

#[derive(Debug)]
pub struct Dir {
    pub path: &'static str,
    pub mode: u32,
    pub owner: u64,
}

/// A small Debian to stand on: a shell, and the programs people reach for inside a container.
pub const BASE: &[&str] =
    &["base-files", "base-passwd", "bash", "coreutils", "dash", "findutils", "grep", "hostname", "libc-bin", "sed"];

/// All there are.
pub const RECIPES: &[Recipe] = &[
    Recipe {
        name: "nginx",
        packages: &["nginx"],
        version_variable: "NGINX_VERSION",
        cmd: &["nginx", "-g", "daemon off;"],
        exposed_ports: &["80/tcp"],
        stop_signal: Some("SIGQUIT"),
        user: "",
        working_dir: "",
        accounts: &[],
        dirs: &[
            Dir { path: "var/cache/nginx", mode: 0o755, owner: 0 },
            Dir { path: "var/log/nginx", mode: 0o755, owner: 0 },
        ],
        files: &[("etc/nginx/conf.d/default.conf", NGINX_SITE)],
        // A container logs to its own output, where `rlab logs` and the terminal are.
        links: &[("var/log/nginx/access.log", "/dev/stdout"), ("var/log/nginx/error.log", "/dev/stderr")],
    },
    Recipe {
        name: "redis",
        packages: &["redis-server"],
        version_variable: "REDIS_VERSION",
        // Without the flag redis answers only from inside the container; published ports are the container's gate.
        cmd: &["redis-server", "--protected-mode", "no"],
        exposed_ports: &["6379/tcp"],
        stop_signal: None,
        user: "redis",
        working_dir: "/data",
        accounts: &[Account { name: "redis", id: 999, home: "/data" }],
        dirs: &[Dir { path: "data", mode: 0o755, owner: 999 }],
        files: &[],
        links: &[],
    },
];

/// The page the package brings, on port 80, under any name.
const NGINX_SITE: &str = "server {
    listen 80 default_server;
    server_name _;

    location / {
        root /usr/share/nginx/html;
        index index.html;
    }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_archives_own_and_names_are_unique() {
        for (i, recipe) in RECIPES.iter().enumerate() {
            assert!(RECIPES[..i].iter().all(|other| other.name != recipe.name));
            let dirs = recipe.dirs.iter().map(|dir| dir.path);
            let paths = dirs.chain(recipe.files.iter().map(|f| f.0)).chain(recipe.links.iter().map(|l| l.0));
            for path in paths {
                assert!(!path.starts_with('/') && !path.ends_with('/') && !path.starts_with("bin/"), "{path}");
            }
            assert!(!recipe.packages.is_empty() && !recipe.cmd.is_empty());
        }
    }
}

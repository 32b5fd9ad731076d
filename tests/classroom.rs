//! Where no registry can be reached: what is taken instead, who is told, and when nothing is.

use crate::explain::in_a_network_of_its_own;
use crate::harness::host::together;
use crate::harness::{Output, Rlab, Running, need};
use crate::nginx::{share_packages, without_registry};
use crate::registry::Registry;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);
/// The one line that says why there is no image, and what is taken in its place.
const INSTEAD: &str = "instead";

fn run(rlab: &Rlab, arguments: &[&str]) -> Output {
    Running::start(&mut without_registry(rlab, arguments)).wait(PATIENCE)
}

#[test]
fn what_is_taken_instead_is_told_in_a_line_and_recorded() {
    need!(root(), programs(&["apt-get"], "this is no Debian and no Ubuntu"));
    let _turn = together();
    let rlab = Rlab::new();
    share_packages(&rlab);
    let arguments = ["run", "--rm", "--network", "none", "nginx", "nginx", "-v"];
    let output = run(&rlab, &arguments);
    if output.stderr.contains("apt cannot") {
        return crate::skip::aloud(format!("no image can be made of packages here: {}", output.stderr));
    }
    let output = output.succeeded().told("nginx version: nginx/");
    let lines: Vec<&str> = output.stderr.lines().filter(|line| line.contains(INSTEAD)).collect();
    assert_eq!(lines.len(), 1, "{output}");
    for told in ["registry-1.docker.io cannot be reached", "the connection is refused", "packages nginx instead"] {
        assert!(lines[0].contains(told), "nothing of {told:?} in {:?}", lines[0]);
    }
    let shown: Value = serde_json::from_str(&rlab.run(&["image", "inspect", "nginx"]).succeeded().stdout).unwrap();
    let provenance = &shown[0]["Rlab"]["Provenance"];
    assert_eq!(provenance["kind"], "assembled");
    assert!(provenance["from"].as_str().unwrap().contains("packages nginx "), "{provenance}");
    // Now it is here, and no registry is asked.
    let again = run(&rlab, &arguments).succeeded();
    assert!(!again.stderr.contains("cannot be reached"), "{again}");
}

#[test]
fn nothing_is_taken_instead_where_that_is_turned_off() {
    need!(root());
    let _turn = crate::harness::host::together();
    let rlab = Rlab::new();
    share_packages(&rlab);
    let config = rlab.folder().join("other.toml");
    std::fs::write(&config, "[classroom]\nfallback = false\n").unwrap();
    let config = config.to_str().unwrap();
    for arguments in [
        &["run", "--rm", "--no-fallback", "nginx", "nginx", "-v"][..],
        &["pull", "--no-fallback", "nginx"],
        &["--config", config, "run", "--rm", "nginx", "nginx", "-v"],
    ] {
        let output = run(&rlab, arguments).ended_with(125).wrote("");
        let output = output.told("registry-1.docker.io cannot be reached");
        assert!(!output.stderr.contains(INSTEAD), "{output}");
    }
    rlab.run(&["images", "-q"]).succeeded().wrote("");
}

#[test]
fn only_a_bare_name_is_stood_in_for() {
    need!(root());
    let _turn = crate::harness::host::together();
    let rlab = Rlab::new();
    share_packages(&rlab);
    for name in ["nginx:1.25", "someone/nginx", "127.0.0.1:1/library/nginx", "nosuchimage"] {
        let output = run(&rlab, &["run", "--rm", name, "nginx", "-v"]).ended_with(125).told("cannot be reached");
        assert!(!output.stderr.contains(INSTEAD), "{output}");
    }
}

#[test]
fn a_registry_that_says_no_is_believed() {
    need!(root(), programs(&["docker-registry", "htpasswd"], "apt install docker-registry apache2-utils"));
    need!(programs(&["ip", "nft"], "apt install iproute2 nftables"));
    let _turn = crate::harness::host::together();
    let rlab = Rlab::new();
    share_packages(&rlab);
    let config = rlab.folder().join("other.toml");
    std::fs::write(&config, "[registry]\ninsecure = ['registry-1.docker.io']\n").unwrap();
    let arguments = ["--config", config.to_str().unwrap(), "run", "--rm", "nginx", "nginx", "-v"];
    for (auth, told) in [(false, "has no library/nginx:latest"), (true, "wants a login")] {
        // Docker's registry, as far as this network goes.
        in_a_network_of_its_own();
        let registry = Registry::start(auth);
        let port = registry.host.rsplit_once(':').unwrap().1;
        let rules = format!("add rule ip lab output tcp dport {{ 80, 443 }} redirect to :{port}");
        let rules =
            format!("add table ip lab; add chain ip lab output {{ type nat hook output priority -100; }}; {rules}");
        Running::start(Command::new("nft").arg(rules)).wait(PATIENCE).succeeded();
        let output = run(&rlab, &arguments).ended_with(125).told(told);
        assert!(!output.stderr.contains(INSTEAD), "{output}");
    }
}

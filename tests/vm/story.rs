//! What `rlab vm run --explain` tells: the same words for the same command, whatever machine and moment it is.
//!
//! Of a machine that is emulated, which all hosts can.

use super::machines::{SOON, machines, share_kernels};
use crate::explain::in_a_network_of_its_own;
use crate::harness::web::http_get_once_up;
use crate::harness::{Output, Rlab};
use crate::nginx::{image, need_nginx, registry_with};
use nix::sys::signal::Signal;

/// Compares with the snapshot, without what is a matter of this host.
fn assert_told(name: &str, told: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"Linux \d+\.\d+", "Linux (version)");
    settings.add_filter(r"localhost:\d{5}", "localhost:(port)");
    // How large the disk is, a matter of how rlab was built, and where the line is cut after it.
    settings.add_filter(r"byte logical blocks \(n[^…]*…", "byte logical blocks (size)…");
    settings.bind(|| insta::assert_snapshot!(name, told));
}

/// The snapshots were taken with this kernel: another logs other lines, and has other drivers built in.
pub fn has_debians_kernel(rlab: &Rlab) -> bool {
    let entries = std::fs::read_dir(rlab.root().join("vm/kernels")).unwrap().flatten();
    let names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    let has = names.iter().any(|name| name.starts_with("6.1.0-") && name.ends_with("-cloud-amd64"));
    if !has {
        crate::skip::aloud(format!("the snapshots are of Debian 12's cloud kernel, and here are {names:?}"));
    }
    has
}

const STABLE: [&str; 5] = ["vm", "run", "--stable", "--accel", "tcg"];

fn lab(rlab: &Rlab, explain: &str) -> Output {
    rlab.run(&[&STABLE[..], &[explain, "--network", "none", "-m", "256m", "lab", "id"]].concat()).succeeded()
}

#[test]
fn what_lab_in_a_machine_tells() {
    let machines = machines!(beside_others);
    if !has_debians_kernel(&machines) {
        return;
    }
    for (view, name) in [("--explain=brief", "vm-lab-brief"), ("--explain=calls", "vm-lab-calls")] {
        let told = lab(&machines, view);
        assert_eq!(told.stdout, "uid=0(root) gid=0(root) groups=0(root)\n");
        assert_told(name, &told.stderr);
    }
    // Another run is told in the same words, in the view that has all of them.
    let [one, other] = [(), ()].map(|()| lab(&machines, "--explain=json").stderr);
    for (number, (one, other)) in one.lines().zip(other.lines()).enumerate() {
        assert_eq!(one, other, "line {}", number + 1);
    }
    assert!(one.lines().count() > 80 && one.lines().count() == other.lines().count(), "{one}");
}

#[test]
fn what_nginx_in_a_machine_tells() {
    let layout = need_nginx!();
    let machines = machines!(beside_others);
    if !has_debians_kernel(&machines) {
        return;
    }
    in_a_network_of_its_own();
    let registry = registry_with(layout, false);
    let mut told = vec![];
    // The first run tells of all that is made, and the root is another each time.
    for _ in 0..2 {
        let rlab = Rlab::new();
        share_kernels(&rlab);
        let running = rlab.start(&[&STABLE[..], &["--explain", "-p", "8081:80", &image(&registry)]].concat());
        // Told when the first answer has come.
        running.wait_for_stderr("nginx runs in the machine", SOON);
        assert_eq!(http_get_once_up(([127, 0, 0, 1], 8081).into(), "/", SOON).status, 200);
        running.signal(Signal::SIGTERM);
        told.push(running.wait(SOON).succeeded().stderr);
    }
    for (one, other) in told[0].lines().zip(told[1].lines()) {
        assert_eq!(one, other);
    }
    assert_told("vm-nginx-story", &told[0]);
}

//! Names of containers, and what is left of one when it has ended.

use crate::harness::lab::lab;

#[test]
fn a_container_is_kept_until_it_is_removed() {
    let lab = lab!();
    let kept = |id: &str| lab.root().join("containers").join(id);
    let all = || {
        let entries = std::fs::read_dir(lab.root().join("containers")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(all(), [""; 0]);
    let line = "write /file kept; hostname; exit 3";
    let short = lab.run(&["run", "--name", "web", "--explain=brief", "lab", "sh", "-c", line]).ended_with(3).stdout;
    let [id] = &all()[..] else { panic!("one is kept, not {:?}", all()) };
    assert!(id.len() == 64 && id.starts_with(short.trim()), "{id}, {short}");
    assert_eq!(std::fs::read_to_string(kept(id).join("upper/file")).unwrap().trim(), "kept");
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(kept(id).join("record.json")).unwrap()).unwrap();
    assert_eq!((&record["name"], &record["exit_code"]), (&"web".into(), &3.into()), "{record}");

    for name in ["web", short.trim(), id] {
        let told = lab.run(&["explain", "--view", "brief", name]).succeeded();
        let stages = told.stdout.lines().filter(|line| line.contains(" ms") || line.contains("nothing to do")).count();
        assert!(stages > 20 && told.stdout.contains(" teardown "), "{told}");
    }
    lab.run(&["run", "--name", "web", "lab", "true"]).ended_with(125).told("\"web\" is taken").told("rlab rm");
    assert_eq!(all().len(), 1, "the one that was refused left nothing");
    lab.run(&["rm", "web"]).succeeded().wrote("web");
    lab.run(&["rm", "web"]).ended_with(125).told("no container \"web\"");
    lab.run(&["explain", "web"]).ended_with(125).told("no container \"web\"");
}

#[test]
fn a_name_is_taken_while_its_container_runs_and_free_after() {
    let lab = lab!();
    let running = lab.start(&["run", "--rm", "--name", "web", "--init", "lab", "sh", "-c", "echo up; exec sleep 1000"]);
    running.wait_for_stdout("up", super::streams::SOON);
    lab.run(&["run", "--rm", "--name", "web", "lab", "true"]).ended_with(125).told("\"web\" is taken");
    lab.run(&["rm", "web"]).ended_with(125).told("is running");
    running.signal(nix::sys::signal::Signal::SIGTERM);
    running.wait(super::streams::SOON).ended_with(143);
    lab.tool(&["--name", "web"], &["true"]).succeeded();
    lab.tool(&["--name", "w"], &["true"]).ended_with(125).told("two or more letters");
}

#[test]
fn without_explain_there_is_no_trace_to_tell() {
    let lab = lab!();
    lab.run(&["run", "--network", "none", "--name", "quiet", "lab", "true"]).succeeded();
    lab.run(&["explain", "quiet"]).ended_with(125).told("no trace of container \"quiet\"").told("--explain");
    lab.run(&["rm", "quiet"]).succeeded();
}

#[test]
fn a_failed_start_leaves_nothing() {
    let lab = lab!();
    for (flags, command, code) in [
        (&[][..], "no-such-program", 127),
        (&["-u", "no-such-user"], "true", 125),
        (&["--ulimit", "nofile=2000000000"], "true", 125),
        (&["-p", "1:1/udp", "--network", "bridge"], "no-such-program", 127),
        (&["-v", "/etc:/proc/self/mem"], "true", 125),
    ] {
        // Without --rm: what never ran is not kept either.
        let network: &[&str] = if flags.contains(&"bridge") { &[] } else { &["--network", "none"] };
        lab.run(&[&["run"], network, flags, &["lab", command]].concat()).ended_with(code);
        lab.assert_restored();
    }
}

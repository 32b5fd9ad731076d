//! The trace player in a page of its own: what it says without a script, what it weighs, and every step of a whole nginx run
//! in a browser, by keyboard, by finger and by eye, compared with the trace.

mod browser;
mod model;

use crate::harness::host::together;
use crate::harness::web::{free_port, http_get_once_up};
use crate::harness::{Rlab, tell};
use crate::nginx::{image, need_nginx, registry_with};
use nix::sys::signal::Signal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// What an exported run of nginx may weigh, in bytes.
const MOST: usize = 400 * 1024;

/// The trace of `lab id` that the snapshot of another test has.
const LAB: &str = include_str!("snapshots/lab-json.snap");

/// An nginx that served a page and was asked to end, as its trace tells it, and what rlab makes of that.
pub struct Recorded {
    /// The page.
    page: PathBuf,
    /// The trace, a line an event.
    trace: String,
    /// The same, as `--explain=calls` spells it.
    calls: String,
    /// What the page weighs, and the same page of a stable trace.
    weights: [usize; 2],
}

/// Records it once for all tests of this file.
fn recorded(layout: &Path) -> &'static Recorded {
    static RECORDED: OnceLock<Recorded> = OnceLock::new();
    RECORDED.get_or_init(|| {
        let _turn = together();
        let (registry, rlab) = (registry_with(layout, false), Rlab::new());
        // Beside the tests' other files: nobody drops what a static holds.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("player");
        std::fs::create_dir_all(&folder).unwrap();
        let (file, page, port) = (folder.join("nginx.jsonl"), folder.join("nginx.html"), free_port());
        let (file, publish) = (file.to_str().unwrap(), format!("{port}:80"));
        let arguments = ["run", "--rm", "-p", &publish, "-m", "64m", "--trace-out", file, &image(&registry)];
        let running = rlab.start(&arguments);
        let answer = http_get_once_up(SocketAddr::from(([127, 0, 0, 1], port)), "/", PATIENCE);
        assert_eq!(answer.status, 200);
        running.signal(Signal::SIGTERM);
        running.wait(PATIENCE).succeeded();
        let export = ["trace", "export", "--html", file];
        rlab.run(&[&export[..], &["--out", page.to_str().unwrap()]].concat()).succeeded().wrote("");
        let plain = std::fs::read_to_string(&page).unwrap();
        assert_eq!(rlab.run(&export).succeeded().stdout, plain, "a file and standard output get the same");
        let stable = rlab.run(&[&export[..], &["--stable"]].concat()).succeeded().stdout;
        let calls = rlab.run(&["explain", file, "--view", "calls"]).succeeded().stdout;
        let trace = std::fs::read_to_string(file).unwrap();
        Recorded { page, trace, calls, weights: [plain.len(), stable.len()] }
    })
}

#[test]
fn an_exported_nginx_run_is_light_and_loads_nothing() {
    let recorded = recorded(need_nginx!());
    tell(&format!(
        "player: an exported nginx run weighs {} bytes, {} stable",
        recorded.weights[0], recorded.weights[1]
    ));
    assert!(recorded.weights.iter().all(|weight| (20_000..MOST).contains(weight)), "{:?}", recorded.weights);
    let page = std::fs::read_to_string(&recorded.page).unwrap();
    assert!(page.contains("<title>nginx -g daemon off;"), "{}", &page[..200]);
    for loads in ["src=", "@import", "url(", "fetch(", "XMLHttpRequest", "import("] {
        assert!(!page.contains(loads), "{loads} in a page that is to stand alone");
    }
}

/// What a reader gets of the stages, a line a paragraph or step, without what only the script shows.
fn plain(page: &str) -> String {
    let stages = page
        .split_once("<ol class=\"rp-stages\" role=\"list\">")
        .unwrap()
        .1
        .split_once("<div class=\"rp-panels\"")
        .unwrap()
        .0;
    let mut out = String::new();
    for line in stages.lines() {
        let mut inside = false;
        let words: String = line
            .chars()
            .filter(|letter| {
                let shown = !inside && *letter != '<';
                inside = *letter == '<' || inside && *letter != '>';
                shown
            })
            .collect();
        let words = words.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        if !words.trim().is_empty() {
            out += &format!("{}{}\n", if line.contains("rp-head") { "\n" } else { "" }, words.trim());
        }
    }
    out
}

#[test]
fn what_the_page_says_without_a_script() {
    let rlab = Rlab::new();
    let file = rlab.folder().join("lab.jsonl");
    std::fs::write(&file, LAB).unwrap();
    let page = rlab.run(&["trace", "export", "--html", file.to_str().unwrap()]).succeeded().stdout;
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("lab-player", plain(&page)));
    rlab.run(&["trace", "export", "--html", "nobody"]).ended_with(125).wrote("");
}

#[test]
fn what_is_no_trace_or_cannot_be_written_is_told() {
    let rlab = Rlab::new();
    let at = |name: &str| rlab.folder().join(name).to_str().unwrap().to_owned();
    let line = r#"{"v":1,"seq":1,"t_ns":1,"actor":"engine","pid":7,"stage":"exec","kind":"enter"}"#;
    for (name, text) in [
        ("letter", "dear\n".to_owned()),
        ("newer", line.replacen("\"v\":1", "\"v\":2", 1) + "\n"),
        ("broken", format!("{line}\n{{\"v\":1,\"seq\":\n{line}\n")),
        ("growing", format!("{line}\n{}", &line[..20])),
    ] {
        std::fs::write(at(name), text).unwrap();
    }
    let export = |name: &str, more: &[&str]| rlab.run(&[&["trace", "export", "--html", &at(name)], more].concat());
    export("letter", &[]).ended_with(125).told("is no trace: no line of it is an event").told("--trace-out");
    export("newer", &[]).ended_with(125).told("line 1: version 2 of a trace, not 1");
    export("broken", &[]).ended_with(125).told("line 2");
    export("growing", &[]).succeeded().wrote_line_with("rlab-player");
    export("growing", &["--out", &at("growing")]).ended_with(125).told("the trace itself").told("name another file");
    assert!(std::fs::read_to_string(at("growing")).unwrap().starts_with(line));
    // A result that does not come out is an error, a reader that has seen enough is none.
    let mut full = rlab.command(&["trace", "schema"]);
    full.stdout(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let ended = full.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code() == Some(125) && said.contains("standard output: No space left"), "{said}");
}

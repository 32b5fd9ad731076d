//! The site as a whole: how long it takes, how much it weighs, that nothing is left out, and that it is served to this host
//! alone.

use super::{ROOT, files};
use crate::harness::web::{http_get, http_get_once_up};
use crate::harness::{Rlab, Running, tell};
use crate::skip;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

const BUILD_TIME: Duration = Duration::from_secs(20);
const BYTES: u64 = 8_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// The site, built once for all tests that look at it. Weak, because nobody drops what a static holds.
static SHARED: Mutex<Weak<Site>> = Mutex::new(Weak::new());

/// The book as `rlab book build` writes it from this checkout.
pub struct Site {
    rlab: Rlab,
    /// How long it took.
    pub took: Duration,
}

impl Site {
    /// The folder it is in.
    pub fn folder(&self) -> PathBuf {
        self.rlab.folder().join("site")
    }

    /// Every page, by its path in the site.
    pub fn pages(&self) -> Vec<String> {
        pages(&self.folder())
    }
}

/// Every page below a folder, by its path in it.
pub fn pages(folder: &Path) -> Vec<String> {
    let name = |path: PathBuf| path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
    files(folder, ".html").into_iter().map(name).collect()
}

/// The site. The first who asks waits for it.
pub fn site() -> Arc<Site> {
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let rlab = Rlab::new();
        let started = Instant::now();
        let to = rlab.folder().join("site");
        rlab.run(&["book", "build", "--from", ROOT, to.to_str().unwrap()]).succeeded();
        let site = Arc::new(Site { rlab, took: started.elapsed() });
        *shared = Arc::downgrade(&site);
        site
    })
}

#[test]
fn the_book_is_built_soon_and_weighs_little() {
    let site = site();
    let bytes: u64 = files(&site.folder(), "").iter().map(|file| file.metadata().unwrap().len()).sum();
    tell(&format!("book: {} pages, {:.1} MB, built in {:.1?}", site.pages().len(), bytes as f64 / 1e6, site.took));
    assert!(site.took < BUILD_TIME, "{:?}", site.took);
    assert!(bytes < BYTES, "{bytes} bytes");
}

#[test]
fn every_page_is_in_the_contents_and_every_figure_on_a_page() {
    let source = Path::new(ROOT).join("book/src");
    let summary = std::fs::read_to_string(source.join("SUMMARY.md")).unwrap();
    let pages = files(&source, ".md");
    let mut shown = String::new();
    for page in &pages {
        let name = page.strip_prefix(&source).unwrap().to_str().unwrap();
        assert!(name == "SUMMARY.md" || summary.contains(&format!("]({name})")), "{name} is not in SUMMARY.md");
        shown += &std::fs::read_to_string(page).unwrap();
    }
    for task in files(&Path::new(ROOT).join("labs"), "task.md") {
        shown += &std::fs::read_to_string(task).unwrap();
    }
    let drawn: BTreeSet<String> = files(&source.join("figures"), ".svg")
        .iter()
        .map(|figure| figure.file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|name| !shown.contains(&format!("{{{{#figure {name} ")))
        .collect();
    assert!(drawn.is_empty(), "no page shows {drawn:?}");
}

#[test]
fn a_page_that_names_what_is_not_there_is_told_by_its_line() {
    let rlab = Rlab::new();
    let book = rlab.folder().join("checkout/book/src");
    std::fs::create_dir_all(&book).unwrap();
    std::fs::create_dir_all(rlab.folder().join("checkout/labs")).unwrap();
    std::fs::write(book.join("SUMMARY.md"), "- [P](p.md)\n").unwrap();
    std::fs::write(rlab.folder().join("checkout/book/book.toml"), "[build]\nuse-default-preprocessors = false\n")
        .unwrap();
    let build = |page: &str| {
        std::fs::write(book.join("p.md"), page).unwrap();
        let (from, to) = (rlab.folder().join("checkout"), rlab.folder().join("built"));
        rlab.run(&["book", "build", "--from", from.to_str().unwrap(), to.to_str().unwrap()])
    };
    build("# P\n\nNothing to put in.\n").succeeded();
    let built = || std::fs::read_to_string(rlab.folder().join("built/p.html")).unwrap();
    for (page, told) in [
        ("# P\n\n{{#stages exec}}\n", "p.md:3: there is no directive `stages`"),
        ("# P\n\n{{#stage nowhere}}\n", "p.md:3: there is no stage `nowhere`"),
        ("# P\n{{#source src/none.rs x}}\n", "p.md:2: src/none.rs is not there"),
        ("# P\n{{#source book/src/p.md x}}\n", "p.md:2: book/src/p.md has no anchor `x`"),
        ("# P\n{{#source ../secret x}}\n", "p.md:2: ../secret is not there"),
        ("# P\n{{#figure none \"nothing\"}}\n", "p.md:2: book/src/figures/none.svg is no drawing"),
        ("# P\n{{#figure none}}\n", "p.md:2: the figure `none` has no text"),
        ("# P\n{{#lab 99}}\n", "p.md:2: there is no lab `99`"),
        ("# P\n```console\n# rlab images\n```\n", "p.md:2: book/transcripts/images.snap is not there"),
        ("# P\n```console\n# rlab images\nIMAGE\n```\n", "p.md:2: `IMAGE` is no command"),
        ("# P\n```console,tail=2\n# rlab images\n```\n", "p.md:2: a block has no attribute `tail`"),
        ("# P\n```console,head=ten\n# rlab images\n```\n", "p.md:2: head=ten is no number"),
        ("# P\n```player,head=10\n# rlab images\n```\n", "p.md:2: a player shows the whole run"),
        ("# P\n```consol\n# rlab images\n```\n", "p.md:2: nobody knows a block of the sort `consol`"),
        (
            "# P\n\n```console stages=exec\n# rlab images\n```\n",
            "p.md:3: nobody knows a block of the sort `console stages=exec`",
        ),
        ("# P\n\na\n> ```console\n> # rlab images\n> ```\n", "p.md:4: a block behind a mark of a list"),
        ("# P\n\nSee `{{#lab 1}}` and {{#lab 1}}.\n", "p.md:3: a directive inside a sentence"),
        ("# P\n{{#events all}}\n", "p.md:2: `events` takes nothing: `all`"),
    ] {
        build(page).ended_with(125).told(told);
        assert!(built().contains("Nothing to put in."), "what was there is there no more");
    }
    let (from, to) = (rlab.folder().join("nowhere"), rlab.folder().join("new"));
    let output = rlab.run(&["book", "build", "--from", from.to_str().unwrap(), to.to_str().unwrap()]);
    output.ended_with(125).told("book/book.toml is not there").told("--from names the folder of a checkout");
    assert!(!to.exists());
}

#[test]
fn a_book_takes_the_place_of_an_earlier_one_and_of_nothing_else() {
    let rlab = Rlab::new();
    let to = rlab.folder().join("built");
    let build = || rlab.run(&["book", "build", "--from", ROOT, to.to_str().unwrap()]);
    build().succeeded();
    let mark = to.join(".rlab-book");
    // As an earlier book with a page more would have left it, and as one that was killed half way.
    std::fs::create_dir(to.join("old")).unwrap();
    std::fs::write(to.join("old/page.html"), "old").unwrap();
    std::fs::remove_file(to.join("index.html")).unwrap();
    std::fs::write(&mark, std::fs::read_to_string(&mark).unwrap() + "old/page.html\n").unwrap();
    build().succeeded();
    assert!(to.join("index.html").exists() && !to.join("old").exists());
    std::fs::write(to.join("CNAME"), "mine").unwrap();
    build().ended_with(125).told("CNAME for one").told("name a folder that is empty");
    assert!(to.join("index.html").exists() && to.join("CNAME").exists());
}

#[test]
fn a_build_that_is_ended_leaves_nothing() {
    let rlab = Rlab::new();
    let (temporary, to) = (rlab.folder().join("tmp"), rlab.folder().join("built"));
    std::fs::create_dir(&temporary).unwrap();
    let mut command = rlab.command(&["book", "build", "--from", ROOT, to.to_str().unwrap()]);
    command.env("TMPDIR", &temporary);
    let running = Running::start(&mut command);
    while std::fs::read_dir(&temporary).unwrap().count() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    running.signal(Signal::SIGINT);
    running.wait(PATIENCE).ended_with(125).told("nothing was changed");
    assert_eq!((std::fs::read_dir(&temporary).unwrap().count(), to.exists()), (0, false));
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let rlab = Rlab::new();
    let other = rlab.folder().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("letter.txt"), "dear").unwrap();
    rlab.run(&["book", "build", "--from", ROOT, other.to_str().unwrap()])
        .ended_with(125)
        .told("of no built book, letter.txt for one");
    assert_eq!(std::fs::read_to_string(other.join("letter.txt")).unwrap(), "dear");
}

/// `rlab book`, and the port it says.
pub fn served(rlab: &Rlab) -> (Running, u16) {
    let running = rlab.start(&["book", "--port", "0"]);
    running.wait_for_stdout("Ctrl-C", PATIENCE);
    let said = running.stdout_so_far();
    let port = said.split("localhost:").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
    (running, port)
}

#[test]
fn the_book_is_served_to_this_host_alone_and_leaves_nothing() {
    let rlab = Rlab::new();
    let temporary = rlab.folder().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = rlab.command(&["book", "--port", "0"]);
    command.env("TMPDIR", &temporary);
    let running = Running::start(&mut command);
    running.wait_for_stdout("Ctrl-C", PATIENCE);
    let said = running.stdout_so_far();
    let port: u16 = said.split("localhost:").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let page = http_get_once_up(address, "/", PATIENCE);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<h1"), "{}", page.body);
    assert_eq!(http_get(address, "/no/such/page.html").unwrap().status, 404);
    assert_eq!(http_get(address, "/../../../etc/passwd").unwrap().status, 404);
    match crate::harness::web::host_address() {
        Some(outside) => {
            assert!(http_get(SocketAddr::new(outside, port), "/").is_err(), "others can read it, too");
        }
        None => skip::aloud("this host has no address but the loopback's"),
    }
    running.signal(Signal::SIGINT);
    running.wait(PATIENCE).succeeded();
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "its temporary folder is left");
}

#[test]
fn mdbooks_own_protocol_is_spoken() {
    let rlab = Rlab::new();
    rlab.run(&["book", "preprocess", "supports", "html"]).succeeded().wrote("");
    assert_ne!(rlab.run(&["book", "preprocess", "supports", "epub"]).status.code(), Some(0));
    let mut command = rlab.command(&["book", "preprocess"]);
    command.stdin(std::process::Stdio::piped());
    let mut running = Running::start(&mut command);
    let chapter = serde_json::json!({
        "name": "P", "content": "{{#stage exec}}\n", "number": null, "sub_items": [], "path": "p.md",
        "source_path": "p.md", "parent_names": []
    });
    let context = serde_json::json!({
        "root": format!("{ROOT}/book"), "config": {}, "renderer": "html", "mdbook_version": "0.5.4"
    });
    let input = serde_json::json!([context, {"items": [{"Chapter": chapter}]}]);
    running.write_stdin(input.to_string().as_bytes());
    let output = running.wait(PATIENCE).succeeded();
    let book: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert!(book["items"][0]["Chapter"]["content"].as_str().unwrap().contains("class=\"stage\""), "{output}");
}

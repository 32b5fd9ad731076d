//! Every page in a browser, at the width of a desk and of a telephone, light and dark: no complaint on the console, nothing
//! to scroll sideways, text that can be read, names that are given once, pictures that say what they show; and the search.

use super::site::{served, site};
use crate::harness::browser::{Browser, NETWORK_CHANGED, there};
use crate::harness::{Rlab, tell};
use crate::skip;
use std::time::Instant;

const SIZES: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// Looks at the page in both themes, with everything unfolded. Returns a list of what is wrong.
const LOOK: &str = include_str!("look.js");

/// A browser, or the end of the test, aloud.
macro_rules! open {
    ($width:expr, $height:expr) => {
        match Browser::open($width, $height) {
            Ok(browser) => browser,
            Err(reason) => return skip::aloud(format!("no browser opens: {reason}")),
        }
    };
}

#[test]
fn every_page_is_shown_well() {
    if let Err(reason) = there() {
        return skip::aloud(reason);
    }
    let pages: Vec<String> = site().pages().into_iter().filter(|page| page != "toc.html").collect();
    let rlab = Rlab::new();
    let (_running, port) = served(&rlab);
    let started = Instant::now();
    let mut wrong = vec![];
    for (width, height) in SIZES {
        let browser = open!(width, height);
        for page in &pages {
            let found = look_at(&browser, &format!("http://localhost:{port}/{page}"));
            wrong.extend(found.into_iter().map(|what| format!("{page} at {width}: {what}")));
        }
    }
    tell(&format!("browser: {} pages, twice at {} widths, in {:.1?}", pages.len(), SIZES.len(), started.elapsed()));
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is wrong with a page. Where only a part of it was dropped for a change of the network, it is loaded again.
fn look_at(browser: &Browser, address: &str) -> Vec<String> {
    for _ in 0..9 {
        browser.go(address);
        let found = browser.run(LOOK);
        let complaints = browser.complaints();
        if !complaints.iter().any(|complaint| complaint.contains(NETWORK_CHANGED)) {
            let found = found.as_array().unwrap().iter().map(|what| what.as_str().unwrap().to_owned());
            return found.chain(complaints).collect();
        }
    }
    panic!("{address}: the host's network never stays as it is");
}

#[test]
fn the_book_is_searched_without_a_network() {
    if let Err(reason) = there() {
        return skip::aloud(reason);
    }
    let rlab = Rlab::new();
    let (_running, port) = served(&rlab);
    let browser = open!(1280, 900);
    assert_eq!(look_at(&browser, &format!("http://localhost:{port}/")), [""; 0]);
    browser.press("/");
    browser.run_until("return document.activeElement.id === 'mdbook-searchbar'");
    browser.press("namespaces");
    browser.run_until("return document.querySelectorAll('#mdbook-searchresults a').length > 3");
    let first = browser.run("return document.querySelector('#mdbook-searchresults a').href");
    browser.go(first.as_str().unwrap());
    assert_eq!(browser.run("return document.body.innerText.toLowerCase().includes('namespaces')"), true);
}

#[test]
fn what_is_wrong_with_a_page_is_seen() {
    if let Err(reason) = there() {
        return skip::aloud(reason);
    }
    let browser = open!(390, 844);
    let page = "<meta name=viewport content='width=device-width'><body style='margin:0'><main><p id=a style='color:%23999'>pale</p><p id=a style='color:black'>black</p>\
        <img src='data:,'><svg width=9 height=9></svg><div style='width:999px'>wide</div>\
        <p style='color:black;background:rgba(0,0,0,.9)'>dark</p></main>";
    browser.go(&format!("data:text/html,<!doctype html>{page}"));
    let found = browser.run(LOOK).to_string();
    for what in ["scrolls sideways", "id `a` is given twice", "no text for img", "no text for svg", "`pale`", "`dark`"]
    {
        assert!(found.contains(what), "{what}: {found}");
    }
    assert!(!found.contains("`black`") && !found.contains("`wide`"), "{found}");
}

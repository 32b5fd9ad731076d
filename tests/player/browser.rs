//! Every step of an nginx run in Chromium: by the keys alone, by finger on a telephone, by eye, and with scripts forbidden.

use super::model::{Expected, Rows, steps};
use super::{Recorded, recorded};
use crate::harness::browser::{Browser, there};
use crate::harness::tell;
use crate::nginx::need_nginx;
use crate::skip;
use serde_json::{Value, json};
use std::time::Instant;

/// Contrast, and whether the page scrolls sideways: the same for the book's pages.
const LOOK: &str = include_str!("../book/look.js");

// WebDriver's numbers of keys.
const RIGHT: &str = "\u{e014}";
const LEFT: &str = "\u{e012}";
const DOWN: &str = "\u{e015}";
const UP: &str = "\u{e013}";
const PAGE_DOWN: &str = "\u{e00f}";
const PAGE_UP: &str = "\u{e00e}";
const HOME: &str = "\u{e011}";
const END: &str = "\u{e010}";
const TAB: &str = "\u{e004}";

/// Reads what is shown: the step and every row that is not on its way out.
const READ: &str = r#"
const step = document.querySelectorAll(".rp-steps > li.rp-current");
const seen = one => one.getClientRects().length > 0;
const rows = [...document.querySelectorAll(".rp-rows > li")].filter(row => seen(row) && !row.classList.contains("rp-gone"));
return {
  steps: [...document.querySelectorAll(".rp-steps > li")].filter(seen).length,
  kind: step[0].className.split(" ")[0], who: step[0].querySelector(".rp-who").textContent,
  line: step[0].querySelector("samp")?.textContent ?? "", at: document.querySelector(".rp-at").textContent,
  said: document.querySelector(".rp-live").textContent,
  marked: document.querySelectorAll(".rp-rows > li.rp-new, .rp-rows > li.rp-changed, .rp-rows > li.rp-gone").length,
  unsigned: rows.filter(row => row.matches(".rp-new, .rp-changed") !== (row.querySelector(".rp-mark").textContent !== "")).length,
  sideways: document.scrollingElement.scrollWidth > document.documentElement.clientWidth,
  rows: rows.map(row => [row.closest(".rp-panel").dataset.panel, ...["key", "value", "beside"].map(part => row.querySelector(".rp-" + part).textContent)]),
};"#;

/// A browser at the player's page and the run that is in it, or the end of the test, aloud.
macro_rules! open {
    ($width:expr, $height:expr) => {{
        let layout = need_nginx!();
        if let Err(reason) = there() {
            return skip::aloud(reason);
        }
        let recorded = recorded(layout);
        match Browser::open($width, $height) {
            Ok(browser) => {
                browser.go(&address(recorded));
                (browser, recorded)
            }
            Err(reason) => return skip::aloud(format!("no browser opens: {reason}")),
        }
    }};
}

fn address(recorded: &Recorded) -> String {
    format!("file://{}", recorded.page.display())
}

fn rows(shown: &Value, panel: &str, beside: impl Fn(&str) -> bool) -> Rows {
    let all = shown["rows"].as_array().unwrap().iter();
    let text = |row: &Value, at: usize| row[at].as_str().unwrap().to_owned();
    let wanted = all.filter(|row| row[0] == panel && beside(row[3].as_str().unwrap()));
    wanted.map(|row| (text(row, 1), text(row, 2))).collect()
}

#[track_caller]
fn assert_shows(shown: &Value, number: usize, expected: &Expected) {
    let text = |name: &str| shown[name].as_str().unwrap();
    assert_eq!(shown["steps"], 1, "one step is shown: {shown}");
    assert_eq!(text("kind"), format!("rp-{}", expected.kind), "step {number}");
    assert!(text("at").starts_with(&format!("step {number} of ")), "step {number}: {}", text("at"));
    if let Some(line) = &expected.line {
        assert_eq!(text("line"), line, "step {number}");
        assert!(text("said").contains(line), "step {number} is said: {}", text("said"));
    }
    if expected.kind != "skip" {
        assert!(text("who").contains(&expected.actor), "step {number}: {}", text("who"));
    }
    assert_eq!((&shown["unsigned"], &shown["sideways"]), (&json!(0), &json!(false)), "step {number}");
    let processes: Vec<String> = rows(shown, "processes", |_| true).into_keys().collect();
    let mut wanted = expected.shown.processes.clone();
    wanted.sort();
    assert_eq!(processes, wanted, "processes after step {number}");
    let own = rows(shown, "namespaces", |beside| beside.starts_with("its own"));
    assert_eq!(own, expected.shown.namespaces, "namespaces after step {number}");
    let mut mounts = rows(shown, "mounts", |beside| beside.is_empty());
    mounts.remove("mounts in view");
    assert_eq!(mounts, expected.shown.mounts, "mounts after step {number}");
    assert_eq!(rows(shown, "cgroup", |beside| beside == "joined"), expected.shown.groups, "groups after step {number}");
    assert_eq!(rows(shown, "cgroup", |beside| beside == "read back"), expected.shown.limits, "limits after {number}");
}

#[test]
fn the_keys_alone_lead_through_a_whole_run() {
    let (browser, recorded) = open!(1280, 900);
    let expected = steps(&recorded.trace, &recorded.calls);
    let started = Instant::now();
    browser.press(TAB);
    assert_eq!(browser.run("return document.activeElement.className"), "rlab-player rp-on");
    let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "who has the focus can be seen");
    let mut names = 0;
    for (at, step) in expected.iter().enumerate() {
        assert_shows(&browser.run(READ), at + 1, step);
        names += usize::from(step.line.is_some());
        browser.press(RIGHT);
    }
    tell(&format!("player: {} steps, {names} calls, by key in {:.1?}", expected.len(), started.elapsed()));
    assert!(names > 200, "{names} calls");
    let last = browser.run(READ);
    assert_shows(&last, expected.len(), expected.last().unwrap());
    // Nothing is left but rlab itself.
    for panel in ["namespaces", "mounts", "cgroup", "rights"] {
        assert_eq!(rows(&last, panel, |_| true), Rows::new(), "{panel}");
    }
    // What comes back is the state that was there: it is worked out from the first step on each time.
    for _ in 0..60 {
        browser.press(LEFT);
    }
    assert_shows(&browser.run(READ), expected.len() - 60, &expected[expected.len() - 61]);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_keys_lead_from_stage_to_stage() {
    let (browser, recorded) = open!(1280, 900);
    let stage = || browser.run("return document.querySelector('.rp-stage.rp-current').dataset.stage");
    let step = || browser.run("return Number(document.querySelector('.rp-slider').value)");
    let stages: Vec<Value> = browser
        .run("return [...document.querySelectorAll('.rp-stage')].map(one => one.dataset.stage)")
        .as_array()
        .unwrap()
        .clone();
    let mut entered: Vec<Value> = vec![];
    for event in recorded.trace.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        if event["kind"] == "enter" {
            entered.push(event["stage"].clone());
        }
    }
    assert_eq!(stages, entered);
    // The keys are the player's only while it has the focus.
    browser.press(RIGHT);
    assert_eq!(step(), 1);
    browser.press(TAB);
    for name in &stages {
        assert_eq!(stage(), *name);
        browser.press(DOWN);
    }
    for name in stages.iter().rev() {
        assert_eq!(stage(), *name);
        browser.press(UP);
    }
    assert_eq!(step(), 1);
    // These two move the page, whoever has the focus.
    browser.press(PAGE_DOWN);
    browser.press(PAGE_UP);
    assert_eq!(step(), 1);
    browser.press(END);
    assert_eq!(step(), browser.run("return document.querySelectorAll('.rp-steps > li').length"));
    browser.press(HOME);
    assert_eq!(step(), 1);
    // On the slider up is more, as on every slider.
    browser.run("document.querySelector('.rp-slider').focus()");
    browser.press(UP);
    assert_eq!(step(), 2);
    browser.press(DOWN);
    assert_eq!(step(), 1);
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Puts a finger down at one place and lifts it at another.
fn touch(browser: &Browser, from: (f64, f64), to: (f64, f64)) {
    let point = |(x, y): (f64, f64)| json!([{"x": x, "y": y}]);
    browser.devtools("Input.dispatchTouchEvent", &json!({"type": "touchStart", "touchPoints": point(from)}));
    if from != to {
        browser.devtools("Input.dispatchTouchEvent", &json!({"type": "touchMove", "touchPoints": point(to)}));
    }
    browser.devtools("Input.dispatchTouchEvent", &json!({"type": "touchEnd", "touchPoints": []}));
}

/// The middle of an element, after it was brought into view.
fn middle(browser: &Browser, selector: &str) -> (f64, f64) {
    let script = format!(
        "const one = document.querySelector({selector:?}); one.scrollIntoView({{block: 'center'}});\
         const box = one.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2];"
    );
    let place = browser.run(&script);
    (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
}

#[test]
fn a_finger_leads_through_it_on_a_telephone() {
    let (browser, recorded) = open!(390, 844);
    let expected = steps(&recorded.trace, &recorded.calls);
    let small = "return [...document.querySelectorAll('.rp-buttons button, .rp-slider')].map(one => one.getBoundingClientRect())\
        .filter(box => box.height < 44 || box.width < 44).length";
    assert_eq!(browser.run(small), 0, "a finger needs 44 pixels");
    let tap = |go: &str| {
        let place = middle(&browser, &format!("button[data-go={go}]"));
        touch(&browser, place, place);
    };
    for (at, step) in expected.iter().enumerate().take(40) {
        assert_shows(&browser.run(READ), at + 1, step);
        tap("step-on");
    }
    tap("step-back");
    assert_shows(&browser.run(READ), 40, &expected[39]);
    let (x, y) = middle(&browser, ".rp-steps > li.rp-current");
    touch(&browser, (x, y), (x - 120.0, y + 10.0));
    assert_shows(&browser.run(READ), 41, &expected[40]);
    touch(&browser, (x, y), (x + 120.0, y));
    assert_shows(&browser.run(READ), 40, &expected[39]);
    // A finger that scrolls the page does not turn a step.
    touch(&browser, (x, y), (x + 50.0, y - 200.0));
    assert_shows(&browser.run(READ), 40, &expected[39]);
    let stages = browser.run("return document.querySelectorAll('.rp-stage').length").as_u64().unwrap();
    for _ in 0..stages {
        tap("stage-on");
    }
    assert_eq!(browser.run("return document.querySelector('.rp-stage.rp-current').dataset.stage"), "teardown");
    assert_eq!(browser.complaints(), [""; 0]);
}

/// Goes to every step and looks whether the page scrolls sideways there.
const SIDEWAYS: &str = r#"
const slider = document.querySelector(".rp-slider");
const wide = [];
for (let step = 1; step <= Number(slider.max); step++) {
  slider.value = step;
  slider.dispatchEvent(new Event("input"));
  if (document.scrollingElement.scrollWidth > document.documentElement.clientWidth) wide.push(step);
  for (const list of document.querySelectorAll(".rp-rows")) if (list.scrollWidth > list.clientWidth) wide.push(`${step} ${list.ariaLabel}`);
}
return wide;"#;

#[test]
fn it_can_be_read_at_both_widths_light_and_dark() {
    for (width, height) in [(1280, 900), (390, 844)] {
        let (browser, recorded) = open!(width, height);
        assert_eq!(browser.run(SIDEWAYS), json!([]), "at {width}");
        for scheme in ["light", "dark"] {
            let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
            browser.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
            browser.go(&address(recorded));
            let ground = browser.run("return getComputedStyle(document.body).backgroundColor");
            assert_eq!(ground == "rgb(253, 253, 251)", scheme == "light", "{ground}");
            browser.press(TAB);
            for _ in 0..30 {
                let wrong = browser.run(LOOK);
                assert_eq!(wrong, json!([]), "at {width}, {scheme}, {}", browser.run(READ)["at"]);
                // Some steps of each stage: those with a mark among them.
                for _ in 0..3 {
                    browser.press(RIGHT);
                }
                browser.press(DOWN);
            }
        }
        assert_eq!(browser.complaints(), [""; 0]);
    }
}

#[test]
fn without_a_script_it_is_all_there_as_text() {
    let (browser, recorded) = open!(390, 844);
    browser.devtools("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    browser.go(&address(recorded));
    assert_eq!(browser.run("return document.querySelectorAll('.rp-on').length"), 0);
    let text = browser.run("return document.body.innerText");
    let mut rest = text.as_str().unwrap();
    for line in steps(&recorded.trace, &recorded.calls).iter().filter_map(|step| step.line.as_ref()) {
        let Some((_, after)) = rest.split_once(line.as_str()) else { panic!("{line} does not follow in\n{rest}") };
        rest = after;
    }
    let nothing_to_press = "return [...document.querySelectorAll('button, input, .rp-panel')].filter(one => one.getClientRects().length).length";
    assert_eq!(browser.run(nothing_to_press), 0);
    assert_eq!(
        browser.run("return document.scrollingElement.scrollWidth > document.documentElement.clientWidth"),
        false
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn two_players_on_a_page_go_their_own_ways() {
    let (browser, _) = open!(1280, 900);
    // A second one in the same page, as a page of the book may have; the script starts each once.
    browser.run(
        "const one = document.querySelector('.rlab-player'), other = one.cloneNode(true); other.id = 'other';\
         other.classList.remove('rp-on'); other.querySelectorAll('.rp-current').forEach(part => part.classList.remove('rp-current'));\
         one.after(other); const script = document.createElement('script');\
         script.textContent = document.querySelector('script').textContent; document.body.append(script);",
    );
    let at = || browser.run("return [...document.querySelectorAll('.rp-slider')].map(slider => Number(slider.value))");
    browser.run("document.getElementById('other').focus()");
    browser.press(&RIGHT.repeat(3));
    assert_eq!(at(), json!([1, 4]));
    browser.run("document.getElementById('player').focus()");
    browser.press(RIGHT);
    assert_eq!(at(), json!([2, 4]), "one listens once");
    assert_eq!(browser.complaints(), [""; 0]);
}

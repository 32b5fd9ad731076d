//! Every link of the site leads somewhere: to a file that is there, and to a place in it that has that name.

use super::site::{pages, site};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The values of an attribute, over all elements of a page.
fn values(page: &str, attribute: &str) -> Vec<String> {
    let mark = format!(" {attribute}=\"");
    let elements = page.split('<').skip(1).filter(|element| element.starts_with(|c: char| c.is_ascii_alphabetic()));
    let value = |element: &str| Some(element.split_once(&mark)?.1.split_once('"')?.0.replace("&amp;", "&"));
    elements.filter_map(value).collect()
}

/// The path that a link means, from the site's root; nothing when it leaves the site.
fn target(page: &str, link: &str) -> Option<(String, String)> {
    let is_outside = link.contains("://") || link.starts_with("mailto:") || link.starts_with("data:");
    if is_outside || link.is_empty() {
        return None;
    }
    let (path, place) = link.split_once('#').unwrap_or((link, ""));
    if path.is_empty() {
        return Some((page.to_owned(), place.to_owned()));
    }
    // The page that stands for all that are not there is told from the root.
    let mut parts: Vec<&str> = if page == "404.html" { vec![] } else { page.split('/').collect() };
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    Some((parts.join("/"), place.to_owned()))
}

fn broken(folder: &Path) -> Vec<String> {
    let text = |name: String| (name.clone(), std::fs::read_to_string(folder.join(&name)).unwrap());
    let pages: BTreeMap<String, String> = pages(folder).into_iter().map(text).collect();
    let places: BTreeMap<&str, BTreeSet<String>> =
        pages.iter().map(|(name, text)| (name.as_str(), values(text, "id").into_iter().collect())).collect();
    let mut broken = vec![];
    for (name, text) in &pages {
        for link in values(text, "href").into_iter().chain(values(text, "src")) {
            let Some((path, place)) = target(name, &link) else { continue };
            let is_there = folder.join(&path).is_file() || folder.join(&path).join("index.html").is_file();
            let has_place = place.is_empty() || places.get(path.as_str()).is_none_or(|ids| ids.contains(&place));
            if !is_there || !has_place {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    broken
}

#[test]
fn every_link_leads_somewhere() {
    let broken = broken(&site().folder());
    assert!(broken.is_empty(), "{} links lead nowhere:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let site = site();
    for name in site.pages() {
        let text = std::fs::read_to_string(site.folder().join(&name)).unwrap();
        for element in
            text.split('<').filter(|element| ["script", "link", "img", "iframe"].iter().any(|n| element.starts_with(n)))
        {
            let element = element.split('>').next().unwrap();
            assert!(!element.contains("://"), "{name}: <{element}>");
        }
    }
}

#[test]
fn a_broken_link_is_seen() {
    assert_eq!(target("a/b.html", "../c.html#d"), Some(("c.html".into(), "d".into())));
    assert_eq!(target("a/b.html", "#d"), Some(("a/b.html".into(), "d".into())));
    assert_eq!(target("a/b.html", "https://example.org"), None);
    assert_eq!(values("<a href=\"x&amp;y\" id=\"z\">href=\"n\"</a>", "href"), ["x&y"]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.html"), "<h1 id=\"top\">A</h1><img src=\"b.html\"><a href=\"#top\">").unwrap();
    std::fs::write(folder.path().join("b.html"), "<a href=\"a.html#top\"><a href=\"a.html#end\"><a href=\"c.html\">")
        .unwrap();
    assert_eq!(broken(folder.path()), ["b.html: a.html#end", "b.html: c.html"]);
}

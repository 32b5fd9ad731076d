//! `{{#figure NAME "what it shows"}}`: a drawing, put into the page itself so that its colours follow the theme.

use crate::book::expand::{Refusal, Shelf};
use crate::book::html::{escape, single_line};

/// The drawing, with what it shows in words.
pub fn figure(arguments: &str, shelf: &Shelf<'_>) -> Result<String, Refusal> {
    let (name, alt) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let alt = alt.trim().trim_matches('"');
    if alt.is_empty() {
        let next = format!("write {{{{#figure {name} \"what it shows, in a sentence\"}}}}");
        return Err((format!("the figure `{name}` has no text for those who cannot see it"), next));
    }
    let path = format!("book/src/figures/{name}.svg");
    let drawing = shelf.sources.text(&path).and_then(|text| Some(text[text.find("<svg")?..].to_owned()));
    let Some(drawing) = drawing else {
        return Err((format!("{path} is no drawing, or is not there"), "draw it, or name another".to_owned()));
    };
    let drawing = single_line(&without_comments(&own_names(&drawing, name)));
    let label = format!("<svg role=\"img\" aria-label=\"{}\"", escape(alt));
    let drawing =
        without_attribute(&without_attribute(&drawing, "role"), "aria-labelledby").replacen("<svg", &label, 1);
    Ok(format!("<figure class=\"drawing\">{drawing}</figure>"))
}

/// Two drawings on one page must not take each other's arrow heads.
fn own_names(drawing: &str, name: &str) -> String {
    ["id=\"", "url(#", "href=\"#"].iter().fold(drawing.to_owned(), |text, mark| {
        let marked = format!("{mark}{name}-");
        let text = text.replace(mark, &marked);
        // `id="` also ends other attributes' names.
        if *mark == "id=\"" { text.replace(&format!("-{marked}"), &format!("-{mark}")) } else { text }
    })
}

fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        out += before;
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    out + rest
}

/// The drawing without an attribute of its first element.
fn without_attribute(text: &str, name: &str) -> String {
    let head = text.find('>').unwrap_or(0);
    let mark = format!(" {name}=\"");
    let Some(at) = text[..head].find(&mark) else { return text.to_owned() };
    let end = text[at + mark.len()..].find('"').map_or(at, |end| at + mark.len() + end + 1);
    format!("{}{}", &text[..at], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_inside_a_drawing_are_its_own() {
        let text = r##"<svg role="img"><marker id="a"/><path data-id="a" marker-end="url(#a)"/></svg>"##;
        let told = own_names(text, "way");
        assert_eq!(told, r##"<svg role="img"><marker id="way-a"/><path data-id="a" marker-end="url(#way-a)"/></svg>"##);
        assert!(without_attribute(&told, "role").starts_with("<svg><marker"));
        assert_eq!(without_comments("a<!-- b -->c<!-- d"), "ac");
    }
}

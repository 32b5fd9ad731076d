//! Pieces of HTML that stand inside Markdown.
//!
//! For Markdown an HTML block ends at the first blank line. So every piece that is put into a page is a single line: a line
//! break inside it is spelt as a character reference, which a browser reads as the line break.

/// A text as it stands between tags or in an attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push('\t'),
            // Others end lines for Markdown, or have no place in a page.
            letter if letter.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

/// A sentence of ours in which `code` may be marked by backticks.
pub fn sentence(text: &str) -> String {
    let mut out = String::new();
    for (at, part) in text.trim().split('`').enumerate() {
        let part = escape(&part.replace('\n', " "));
        out += &if at % 2 == 1 { format!("<code>{part}</code>") } else { part };
    }
    out
}

/// A whole document, such as a drawing, on a single line.
pub fn single_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_one_line() {
        assert_eq!(escape("a <b>\n\n&\"c\""), "a &lt;b&gt;&#10;&#10;&amp;&quot;c&quot;");
        assert_eq!(escape("a\r\rb\x1b[1m"), "a  b [1m");
        assert_eq!(sentence("the `ps` of\nthe host"), "the <code>ps</code> of the host");
        assert_eq!(single_line("<svg>\n\n  <g/>\n</svg>\n"), "<svg> <g/> </svg>");
    }
}

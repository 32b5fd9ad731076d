//! The first half of understanding a line: characters to words and operators, with quotes and variables noted.
use std::iter::Peekable;
use std::str::Chars;

/// A part of a word: said as it is, or to be looked up when the command runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Text(String),
    Variable(String),
}

/// A word. One with quotes counts even when it comes out empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word {
    pub pieces: Vec<Piece>,
    pub quoted: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Word(Word),
    Operator(&'static str),
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Mistake {
    #[error("the quote {0} is not closed")]
    OpenQuote(char),
    #[error("`{0}` is out of place")]
    Misplaced(&'static str),
    #[error("a file name is missing after `{0}`")]
    NoFile(&'static str),
    #[error("pipes are not spoken here: one command at a time")]
    Pipe,
}

/// Longest first, so that `&&` is not read as two `&`.
const OPERATORS: [&str; 9] = ["&&", "||", ">>", ";", "&", ">", "<", "|", "\n"];

/// Splits a line; a `#` at the start of a word begins a comment.
pub fn split(line: &str) -> Result<Vec<Token>, Mistake> {
    let mut tokens = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r']);
        if rest.starts_with('#') {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        }
        if rest.is_empty() {
            return Ok(tokens);
        }
        if let Some(operator) = OPERATORS.into_iter().find(|operator| rest.starts_with(operator)) {
            tokens.push(Token::Operator(operator));
            rest = &rest[operator.len()..];
        } else {
            let (word, after) = word(rest)?;
            tokens.push(Token::Word(word));
            rest = after;
        }
    }
}

/// The word at the start of the text, and the text behind it.
fn word(text: &str) -> Result<(Word, &str), Mistake> {
    let mut word = Word::default();
    let mut chars = text.chars().peekable();
    let mut quote = None;
    while let Some(&c) = chars.peek() {
        let plain = quote.is_none();
        if plain && (matches!(c, ' ' | '\t' | '\r') || OPERATORS.iter().any(|operator| operator.starts_with(c))) {
            break;
        }
        chars.next();
        match c {
            '\'' | '"' if plain => {
                quote = Some(c);
                word.quoted = true;
            }
            _ if quote == Some(c) => quote = None,
            '\\' if quote != Some('\'') => word.push(&escaped(&mut chars, quote)),
            '$' if quote != Some('\'') => match variable(&mut chars) {
                Some(name) => word.pieces.push(Piece::Variable(name)),
                None => word.push("$"),
            },
            _ => word.push(c.encode_utf8(&mut [0; 4])),
        }
    }
    match quote {
        Some(quote) => Err(Mistake::OpenQuote(quote)),
        None => Ok((word, &text[text.len() - chars.collect::<String>().len()..])),
    }
}

impl Word {
    fn push(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.pieces.push(Piece::Text(text.to_owned())),
        }
    }
}

/// What a backslash makes of the next character: inside double quotes only some lose their meaning.
fn escaped(chars: &mut Peekable<Chars<'_>>, quote: Option<char>) -> String {
    match chars.next_if(|&c| quote.is_none() || matches!(c, '"' | '\\' | '$')) {
        Some(c) => c.to_string(),
        None => "\\".to_owned(),
    }
}

/// The name after a `$`: `?`, `$`, or letters, digits and `_`, in braces or not. None: the `$` stands for itself.
fn variable(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    if let Some(special) = chars.next_if(|c| matches!(c, '?' | '$')) {
        return Some(special.to_string());
    }
    let mut ahead = chars.clone();
    let braced = ahead.next_if_eq(&'{').is_some();
    let mut name = String::new();
    while let Some(c) = ahead.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
        name.push(c);
    }
    if name.is_empty() || (braced && ahead.next() != Some('}')) {
        return None;
    }
    *chars = ahead;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Token {
        Token::Word(Word { pieces: vec![Piece::Text(text.into())], quoted: false })
    }

    fn quoted(pieces: &[Piece]) -> Token {
        Token::Word(Word { pieces: pieces.to_vec(), quoted: true })
    }

    #[test]
    fn operators_need_no_spaces() {
        let wanted = [plain("a"), Token::Operator("&&"), plain("b"), Token::Operator(">>"), plain("c")];
        assert_eq!(split("a&&b>>c").unwrap(), wanted);
    }

    #[test]
    fn single_quotes_keep_all_and_double_quotes_look_up() {
        let (text, variable) = (|t: &str| Piece::Text(t.into()), |v: &str| Piece::Variable(v.into()));
        assert_eq!(split("'$A \\ \"'").unwrap(), [quoted(&[text("$A \\ \"")])]);
        assert_eq!(split("\"$A \\$ b\"").unwrap(), [quoted(&[variable("A"), text(" $ b")])]);
        assert_eq!(split("x'y'z").unwrap(), [quoted(&[text("xyz")])]);
        assert_eq!(split("''").unwrap(), [quoted(&[])]);
    }

    #[test]
    fn a_dollar_without_a_name_is_a_dollar() {
        assert_eq!(split("$ 5$").unwrap(), [plain("$"), plain("5$")]);
        assert_eq!(split("${A").unwrap(), [plain("${A")]);
        let wanted = Word { pieces: vec![Piece::Variable("A".into()), Piece::Text("b".into())], quoted: false };
        assert_eq!(split("${A}b").unwrap(), [Token::Word(wanted)]);
    }

    #[test]
    fn comments_begin_words_only() {
        assert_eq!(split("a#b # c").unwrap(), [plain("a#b")]);
        assert_eq!(split("'a"), Err(Mistake::OpenQuote('\'')));
    }

    proptest! {
        #[test]
        fn any_line_is_split_or_a_mistake(line in ".*") {
            let _ = split(&line);
        }

        #[test]
        fn single_quoted_text_comes_out_as_it_went_in(text in "[^']+") {
            prop_assert_eq!(split(&format!("'{text}'")).unwrap(), [quoted(&[Piece::Text(text)])]);
        }
    }
}

//! The second half: words and operators to commands, each with its condition and its files.
use super::words::{Mistake, Token, Word, split};

/// Whether a command runs depends on the one before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    Always,
    AfterSuccess,
    AfterFailure,
}

#[derive(Debug, PartialEq)]
pub struct Command {
    pub when: When,
    pub words: Vec<Word>,
    pub input: Option<Word>,
    /// The file, and whether to write at its end.
    pub output: Option<(Word, bool)>,
    pub background: bool,
}

impl Command {
    fn new(when: When) -> Self {
        Self { when, words: Vec::new(), input: None, output: None, background: false }
    }

    fn redirect(&mut self, operator: &str, file: Word) {
        match operator {
            "<" => self.input = Some(file),
            _ => self.output = Some((file, operator == ">>")),
        }
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.input.is_none() && self.output.is_none()
    }
}

pub fn parse(line: &str) -> Result<Vec<Command>, Mistake> {
    let mut commands = Vec::new();
    let mut current = Command::new(When::Always);
    let mut tokens = split(line)?.into_iter();
    while let Some(token) = tokens.next() {
        let operator = match token {
            Token::Word(word) => {
                current.words.push(word);
                continue;
            }
            Token::Operator(operator) => operator,
        };
        if matches!(operator, "<" | ">" | ">>") {
            let Some(Token::Word(file)) = tokens.next() else { return Err(Mistake::NoFile(operator)) };
            current.redirect(operator, file);
            continue;
        }
        let when = match operator {
            "&&" => When::AfterSuccess,
            "||" => When::AfterFailure,
            "|" => return Err(Mistake::Pipe),
            _ => When::Always,
        };
        if current.is_empty() && (operator != "\n" || current.when != When::Always) {
            return Err(Mistake::Misplaced(if operator == "\n" { "end of line" } else { operator }));
        }
        current.background = operator == "&";
        let done = std::mem::replace(&mut current, Command::new(when));
        commands.extend((!done.is_empty()).then_some(done));
    }
    match current.when {
        _ if !current.is_empty() => commands.push(current),
        When::Always => {}
        When::AfterSuccess => return Err(Mistake::Misplaced("&&")),
        When::AfterFailure => return Err(Mistake::Misplaced("||")),
    }
    Ok(commands)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn conditions_belong_to_the_command_behind_them() {
        let whens = |line| parse(line).map(|commands| commands.iter().map(|c| c.when).collect::<Vec<_>>());
        assert_eq!(whens("a && b || c; d\ne"), Ok([1, 2, 3, 1, 1].map(number).to_vec()));
        assert_eq!(whens("\n\n a \n"), Ok(vec![When::Always]));
    }

    fn number(n: u8) -> When {
        [When::Always, When::AfterSuccess, When::AfterFailure][usize::from(n) - 1]
    }

    #[test]
    fn files_and_the_background_are_noted() {
        let commands = parse("a < in >> out b & c > x").unwrap();
        assert_eq!((commands[0].words.len(), commands[0].background, commands[1].background), (2, true, false));
        assert!(commands[0].input.is_some() && commands[0].output.as_ref().unwrap().1);
        assert!(!commands[1].output.as_ref().unwrap().1);
    }

    #[test]
    fn what_makes_no_sense_is_a_mistake() {
        assert_eq!(parse("a &&"), Err(Mistake::Misplaced("&&")));
        assert_eq!(parse("; a"), Err(Mistake::Misplaced(";")));
        assert_eq!(parse("a >"), Err(Mistake::NoFile(">")));
        assert_eq!(parse("a | b"), Err(Mistake::Pipe));
        assert_eq!(parse("# nothing"), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_or_a_mistake(line in "[a-z$'\"\\\\&|;<>{}# \n]*") {
            let _ = parse(&line);
        }
    }
}

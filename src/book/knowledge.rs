//! What the book is told by those who know: the command line's own description, and figures that others published.

/// One option or argument of a command.
#[derive(Clone, Debug, Default)]
pub struct Argument {
    /// How it is typed: `-p, --publish <PORTS>`.
    pub spelling: String,
    /// What it does.
    pub help: String,
    /// What holds when it is not given.
    pub default: Option<String>,
    /// Its values with what each means, when there are only some.
    pub values: Vec<(String, String)>,
    /// The group it stands in, if it stands in one.
    pub heading: Option<String>,
}

/// A command, as `--help` describes it.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// With the commands it belongs to: `rlab image rm`.
    pub name: String,
    /// What it does.
    pub about: String,
    /// How it is typed.
    pub usage: String,
    /// What `--help` says below the options.
    pub after: String,
    /// Its arguments and options.
    pub arguments: Vec<Argument>,
    /// The commands below it.
    pub commands: Vec<Command>,
}

/// A figure that others measured.
#[derive(Clone, Debug)]
pub struct Published {
    /// What was measured.
    pub what: String,
    /// Without either.
    pub native: Option<String>,
    /// In a container.
    pub container: Option<String>,
    /// In a virtual machine.
    pub machine: String,
    /// Where it stands.
    pub source: String,
    /// Whether it was read there, or where another quotes it.
    pub at_first_hand: bool,
}

/// What only other parts of rlab know, handed in.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// rlab's version.
    pub version: String,
    /// The command line.
    pub cli: Command,
    /// Figures of others.
    pub published: Vec<Published>,
}

//! What an event is: one line of the trace.
//!
//! The values inside are plain JSON, because a course reads them with `jq`. What *kind* of value an argument is (a
//! process number, a path, a set of flags) is known from the call's signature, see [`super::signature`].

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Version of the event schema. It rises when a field changes its meaning or goes away; new fields may come without.
pub const SCHEMA_VERSION: u32 = 1;

/// Which part of rlab an event comes from, in the words of DESIGN's table of parts.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// The part that decides: names, images, network, the bundle (dockerd and containerd in Docker's world).
    Engine,
    /// The runtime's side that stays outside and clones (runc).
    Parent,
    /// The runtime's side that is inside, until it becomes the program (runc init).
    Init,
    /// The part that waits, forwards signals and clears up (containerd-shim).
    Shim,
    /// The part that makes a virtual machine and looks after it from outside.
    Vm,
    /// rlab as the first process of a virtual machine: its process numbers are another kernel's.
    Guest,
}

/// One line of the trace.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Event {
    /// [`SCHEMA_VERSION`] of the writer.
    pub v: u32,
    /// Counts the events of one run from 1, over all its processes.
    pub seq: u64,
    /// Nanoseconds on the monotonic clock since the trace was opened.
    pub t_ns: u64,
    /// Who wrote it.
    pub actor: Actor,
    /// The writer's process number as the host sees it; a guest's is its own kernel's.
    pub pid: i32,
    /// The stage it belongs to, by id.
    pub stage: Cow<'static, str>,
    /// What happened.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What happened.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    /// A stage begins.
    Enter,
    /// A stage ends.
    Leave {
        /// How long it took, in nanoseconds.
        dur_ns: u64,
        /// True when the stage ended with an error. Absent otherwise.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        failed: bool,
    },
    /// A system call that was made, with what the kernel answered.
    Call {
        /// Name and arguments.
        #[serde(flatten)]
        call: Call,
        /// What it returned, when it succeeded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ret: Option<i64>,
        /// The name of the error, when it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        errno: Option<Cow<'static, str>>,
        /// True when `--inject` wanted the error: the kernel was never asked. Absent otherwise.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        injected: bool,
        /// How long it took, in nanoseconds.
        dur_ns: u64,
    },
    /// Work in bulk that would be thousands of calls: a blob fetched, a layer unpacked, a set of firewall rules loaded.
    Work {
        /// Which work, by name.
        work: Cow<'static, str>,
        /// What it was about and what it counted.
        with: Map<String, Value>,
    },
    /// A piece of kernel state, read before and after.
    Change {
        /// What sort of thing it is: `namespace`, `mount`, `capability` …
        object: Cow<'static, str>,
        /// Which one.
        key: String,
        /// What was read before; null when there was none.
        before: Value,
        /// What was read after; null when there is none any more.
        after: Value,
    },
    /// The stage had nothing to do.
    Skip {
        /// Why, by the name of a text.
        reason: Cow<'static, str>,
    },
    /// A sentence that holds in this run only.
    Note {
        /// The name of its text.
        note: Cow<'static, str>,
        /// What is put into the text's places.
        with: Map<String, Value>,
    },
}

/// A system call's name and arguments, as strace spells them, in the call's order.
///
/// One value, three uses: it renders the trace's line, the error's text, and the pointer to the man page.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Call {
    /// The call's own name.
    #[serde(rename = "call")]
    pub name: Cow<'static, str>,
    /// Its arguments by the man page's names.
    pub args: Map<String, Value>,
}

impl Call {
    /// Starts the description of a call.
    pub fn new(name: &'static str) -> Call {
        Call { name: Cow::Borrowed(name), args: Map::new() }
    }

    /// Adds the next argument.
    pub fn arg(mut self, name: &str, value: impl Into<Value>) -> Call {
        self.args.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a path, as text; what is not UTF-8 in it is shown by the replacement character.
    pub fn path(self, name: &str, path: impl AsRef<std::path::Path>) -> Call {
        self.arg(name, path.as_ref().to_string_lossy().into_owned())
    }
}

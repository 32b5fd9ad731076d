//! Which devices a group may open: rules read in order, of which the last that fits decides.
//!
//! cgroup v1 takes them as lines; v2 has no file for them, but asks an eBPF program. Both are made from the same rules.

mod program;

pub(super) use program::program;

use super::error::Error;
use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};

/// BPF_DEVCG_ACC_MKNOD, _READ and _WRITE of linux/bpf.h.
const MAKE: u8 = 1;
const READ: u8 = 2;
const WRITE: u8 = 4;
const ALL: u8 = MAKE | READ | WRITE;

/// Block or character device, by its number in linux/bpf.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Block = 1,
    Character = 2,
}

/// One rule. `None` means any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    allow: bool,
    kind: Option<Kind>,
    major: Option<i32>,
    minor: Option<i32>,
    access: u8,
}

/// What the runtime itself puts into every container's /dev, see "Default Devices" in the runtime-spec, and the right to
/// make any device file: that is harmless, for opening it is refused.
const DEFAULT: [(Kind, Option<i32>, Option<i32>, u8); 10] = [
    (Kind::Block, None, None, MAKE),
    (Kind::Character, None, None, MAKE),
    (Kind::Character, Some(1), Some(3), ALL),
    (Kind::Character, Some(1), Some(5), ALL),
    (Kind::Character, Some(1), Some(7), ALL),
    (Kind::Character, Some(1), Some(8), ALL),
    (Kind::Character, Some(1), Some(9), ALL),
    (Kind::Character, Some(5), Some(0), ALL),
    (Kind::Character, Some(5), Some(2), ALL),
    (Kind::Character, Some(136), None, ALL),
];

impl Rule {
    fn everything(allow: bool) -> Rule {
        Rule { allow, kind: None, major: None, minor: None, access: ALL }
    }

    fn is_everything(&self) -> bool {
        *self == Rule::everything(self.allow)
    }

    /// Whether each device of `other` is one of ours.
    fn covers(&self, other: &Rule) -> bool {
        self.kind == other.kind
            && (self.major.is_none() || self.major == other.major)
            && (self.minor.is_none() || self.minor == other.minor)
    }

    fn same_devices(&self, other: &Rule) -> bool {
        self.covers(other) && other.covers(self)
    }

    /// Whether some device is one of both.
    fn meets(&self, other: &Rule) -> bool {
        let meets = |ours: Option<i32>, theirs: Option<i32>| ours.is_none() || theirs.is_none() || ours == theirs;
        self.kind == other.kind && meets(self.major, other.major) && meets(self.minor, other.minor)
    }

    /// As `devices.allow` takes it: `c 1:3 rwm`.
    fn line(&self) -> String {
        let kind = match self.kind {
            None => 'a',
            Some(Kind::Block) => 'b',
            Some(Kind::Character) => 'c',
        };
        let number = |number: Option<i32>| number.map_or("*".to_owned(), |number| number.to_string());
        let letters = [(READ, 'r'), (WRITE, 'w'), (MAKE, 'm')];
        let access: String =
            letters.iter().filter(|(bit, _)| self.access & bit != 0).map(|(_, letter)| letter).collect();
        format!("{kind} {}:{} {access}", number(self.major), number(self.minor))
    }
}

/// config.json's rules, with those for the default devices where not everything is allowed anyway. No rules stay none.
pub(super) fn rules(asked: &[LinuxDeviceCgroup]) -> Result<Vec<Rule>, Error> {
    let mut rules = Vec::new();
    for device in asked {
        rules.extend(read(device)?);
    }
    if rules.is_empty() || all_allowed(&rules) {
        return Ok(rules);
    }
    let default = DEFAULT.into_iter().map(|(kind, major, minor, access)| Rule {
        allow: true,
        kind: Some(kind),
        major,
        minor,
        access,
    });
    // Before what was asked, after the rule for everything: someone may want to deny one of them.
    let begin = rules.iter().rposition(Rule::is_everything).map_or(0, |last| last + 1);
    if begin == 0 || !rules[begin - 1].allow {
        rules.splice(begin..begin, default);
    }
    Ok(rules)
}

/// Whether nothing is left to be refused.
pub(super) fn all_allowed(rules: &[Rule]) -> bool {
    let after = rules.iter().rposition(|rule| *rule == Rule::everything(true));
    after.is_some_and(|after| rules[after..].iter().all(|rule| rule.allow))
}

fn read(device: &LinuxDeviceCgroup) -> Result<Vec<Rule>, Error> {
    let refuse = |value: String, fault| Error::Value { setting: "devices", value, fault };
    let mut access = 0;
    for letter in device.access().as_deref().unwrap_or("rwm").chars() {
        access |= match letter {
            'r' => READ,
            'w' => WRITE,
            'm' => MAKE,
            _ => return Err(refuse(letter.to_string(), "access is made of the letters r, w and m")),
        };
    }
    let number = |number: Option<i64>| match number {
        None | Some(-1) => Ok(None),
        Some(number) => match i32::try_from(number) {
            Ok(number) if number >= 0 => Ok(Some(number)),
            _ => Err(refuse(number.to_string(), "it is no device number")),
        },
    };
    let rule = Rule {
        allow: device.allow(),
        kind: None,
        major: number(device.major())?,
        minor: number(device.minor())?,
        access,
    };
    Ok(match device.typ().unwrap_or_default() {
        LinuxDeviceType::P => return Err(refuse("p".to_owned(), "a fifo is no device")),
        LinuxDeviceType::B => vec![Rule { kind: Some(Kind::Block), ..rule }],
        LinuxDeviceType::C | LinuxDeviceType::U => vec![Rule { kind: Some(Kind::Character), ..rule }],
        LinuxDeviceType::A if rule.is_everything() => vec![rule],
        // v1 reads `a 1:3 r` as everything, whatever follows the a: written so, this rule would open all disks.
        LinuxDeviceType::A => [Kind::Block, Kind::Character].map(|kind| Rule { kind: Some(kind), ..rule }).into(),
    })
}

/// The writes for v1: file and value, in order.
///
/// The kernel keeps one default and a list of exceptions from it. So an exception from an exception, such as one disk
/// denied after all disks were allowed, can't be said there; left out in silence it would be a hole.
pub(super) fn lines(rules: &[Rule]) -> Result<Vec<(&'static str, String)>, Error> {
    let mut default = false;
    let mut exceptions: Vec<Rule> = Vec::new();
    for rule in rules {
        if rule.is_everything() {
            default = rule.allow;
            exceptions.clear();
        } else if rule.allow != default {
            match exceptions.iter_mut().find(|known| known.same_devices(rule)) {
                Some(known) => known.access |= rule.access,
                None => exceptions.push(*rule),
            }
        } else {
            for known in exceptions.iter_mut().filter(|known| known.meets(rule) && known.access & rule.access != 0) {
                if !rule.covers(known) {
                    let fault = "cgroup v1 can't take a part out of an earlier rule";
                    return Err(Error::Value { setting: "devices", value: rule.line(), fault });
                }
                known.access &= !rule.access;
            }
            exceptions.retain(|known| known.access != 0);
        }
    }
    let (general, special) =
        if default { ("devices.allow", "devices.deny") } else { ("devices.deny", "devices.allow") };
    let first = (general, Rule::everything(default).line());
    Ok(std::iter::once(first).chain(exceptions.iter().map(|rule| (special, rule.line()))).collect())
}

#[cfg(test)]
mod tests;

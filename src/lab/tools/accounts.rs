//! Names for user and group numbers, from the image's own `/etc/passwd` and `/etc/group`.
//!
//! The kernel knows numbers only. Names are read from the files, never through NSS: what NSS says may come from
//! libraries and servers outside the image.
use std::fs;

/// Number → name, as one of the two files says.
pub struct Accounts(Vec<(u32, String)>);

impl Accounts {
    pub fn users() -> Self {
        Self::parse(&fs::read_to_string("/etc/passwd").unwrap_or_default())
    }

    pub fn groups() -> Self {
        Self::parse(&fs::read_to_string("/etc/group").unwrap_or_default())
    }

    #[cfg(test)]
    pub fn of(entries: &[(u32, &str)]) -> Self {
        Self(entries.iter().map(|&(id, name)| (id, name.to_owned())).collect())
    }

    fn parse(file: &str) -> Self {
        let entry = |line: &str| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|name| !name.is_empty())?;
            Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
        };
        Self(file.lines().filter_map(entry).collect())
    }

    /// The first name that has the number, as getpwuid(3) would say.
    pub fn name(&self, id: u32) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, name)| name.as_str())
    }

    /// The name, or the number where the files have none.
    pub fn name_or_number(&self, id: u32) -> String {
        self.name(id).map_or_else(|| id.to_string(), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_wins_and_broken_lines_are_passed_over() {
        let accounts =
            Accounts::parse("root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:\n:x:7:\nnonsense\nbob:x:many:\nme:x:1000:");
        assert_eq!(accounts.name(0), Some("root"));
        assert_eq!(accounts.name(7), None);
        assert_eq!(accounts.name_or_number(1000), "me");
        assert_eq!(accounts.name_or_number(42), "42");
    }
}

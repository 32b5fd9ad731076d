//! `date`: what time the kernel says it is. Containers have no clock of their own; a virtual machine has one, set at its
//! start and running by itself from then on.
use std::ffi::OsString;
use std::io::Write;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Error, Result};

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    if !args.is_empty() {
        return Err(Error::Usage);
    }
    let now = OffsetDateTime::now_utc();
    // A clock that stands beyond the year 9999 can't be written so; its seconds since 1970 can.
    writeln!(out, "{}", now.format(&Rfc3339).unwrap_or_else(|_| now.unix_timestamp().to_string()))?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_now_in_utc() {
        let mut out = Vec::new();
        run(&[], &mut out).unwrap();
        let said = OffsetDateTime::parse(String::from_utf8(out).unwrap().trim(), &Rfc3339).unwrap();
        assert!(said <= OffsetDateTime::now_utc() && said.offset().is_utc());
        assert!(matches!(run(&["-s".into()], &mut Vec::new()), Err(Error::Usage)));
    }
}

//! The tools that are one question to the kernel, or none: `hostname`, `uname`, `nproc`, `pwd`, `echo`, `sleep`,
//! `true`, `false`.
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::error::At;
use super::{Error, Result, flags, text};
use crate::sys::tool;

pub fn hostname(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    if !args.is_empty() {
        return Err(Error::Usage);
    }
    writeln!(out, "{}", tool::hostname().at("gethostname")?)?;
    Ok(0)
}

pub fn uname(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let (asked, rest) = flags(args, "asnrvm")?;
    if !rest.is_empty() {
        return Err(Error::Usage);
    }
    let name = tool::uname().at("uname")?;
    let asked = if asked.is_empty() { "s" } else { &asked };
    let fields =
        [('s', name.sysname), ('n', name.nodename), ('r', name.release), ('v', name.version), ('m', name.machine)];
    let said: Vec<String> =
        fields.into_iter().filter(|(flag, _)| asked.contains(['a', *flag])).map(|(_, value)| value).collect();
    writeln!(out, "{}", said.join(" "))?;
    Ok(0)
}

pub fn nproc(_: &[OsString], out: &mut dyn Write) -> Result<u8> {
    writeln!(out, "{}", tool::allowed_cpus().at("sched_getaffinity")?)?;
    Ok(0)
}

pub fn pwd(_: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let here = std::env::current_dir().at("the working directory")?;
    writeln!(out, "{}", here.display())?;
    Ok(0)
}

pub fn echo(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    let (end, words) = match args.split_first() {
        Some((first, rest)) if first == "-n" => ("", rest),
        _ => ("\n", args),
    };
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    out.write_all(&words.join(&b' '))?;
    out.write_all(end.as_bytes())?;
    Ok(0)
}

pub fn sleep(args: &[OsString], _: &mut dyn Write) -> Result<u8> {
    let [time] = args else { return Err(Error::Usage) };
    let time = text(time)?;
    if matches!(time, "infinity" | "inf") {
        loop {
            std::thread::park();
        }
    }
    std::thread::sleep(seconds(time)?);
    Ok(0)
}

pub fn yes(_: &[OsString], _: &mut dyn Write) -> Result<u8> {
    Ok(0)
}

pub fn no(_: &[OsString], _: &mut dyn Write) -> Result<u8> {
    Ok(1)
}

/// A length of time in seconds, with parts of one after a point.
pub fn seconds(time: &str) -> Result<Duration> {
    let parsed = time.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    parsed.ok_or_else(|| Error::NotA { text: time.to_owned(), expected: "a number of seconds" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(run: fn(&[OsString], &mut dyn Write) -> Result<u8>, args: &[&str]) -> String {
        let mut out = Vec::new();
        run(&args.iter().map(OsString::from).collect::<Vec<_>>(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn echo_joins_with_spaces() {
        assert_eq!(said(echo, &["a", "b  c"]), "a b  c\n");
        assert_eq!(said(echo, &["-n", "a"]), "a");
    }

    #[test]
    fn uname_says_what_is_asked_in_its_own_order() {
        assert_eq!(said(uname, &[]), "Linux\n");
        assert_eq!(said(uname, &["-rs"]), said(uname, &["-sr"]));
        assert!(said(uname, &["-a"]).split(' ').count() >= 5);
    }

    #[test]
    fn seconds_have_parts_and_are_never_negative() {
        assert_eq!(seconds("0.25").unwrap(), Duration::from_millis(250));
        assert!(seconds("-1").is_err() && seconds("soon").is_err());
    }
}

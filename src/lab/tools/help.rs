//! `help`: the list of tools, or how one is called.
use std::ffi::OsString;
use std::io::Write;

use super::table::{self, Align};
use super::{Error, Result, TOOLS, find};

pub fn run(args: &[OsString], out: &mut dyn Write) -> Result<u8> {
    if let Some(name) = args.first() {
        let tool = find(name).ok_or_else(|| Error::NoTool(name.clone()))?;
        writeln!(out, "{}\n  {}", tool.usage, tool.what)?;
        return Ok(0);
    }
    writeln!(out, "tools to look at isolation from the inside:\n")?;
    let rows: Vec<Vec<String>> = TOOLS.iter().map(|tool| vec![tool.usage.to_owned(), tool.what.to_owned()]).collect();
    table::print(out, &[Align::Left, Align::Left], &rows)?;
    Ok(0)
}

//! The binary: a tool of the lab image when called by a tool's name, else rlab.
use std::process::ExitCode;

fn main() -> ExitCode {
    rlab::lab::tools::main_if_tool(std::env::args_os()).unwrap_or(ExitCode::from(125))
}

//! The entry: which of rlab's parts is asked for.

use std::process::ExitCode;

fn main() -> ExitCode {
    rlab::main(std::env::args_os().collect())
}

//! rlab.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Inside the lab image this binary is called by the names of its tools.
    if let Some(code) = rlab::lab::tools::main_if_tool(std::env::args_os()) {
        return code;
    }
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("port-proxy") => rlab::port_proxy(&args[2..]).into(),
        _ => ExitCode::SUCCESS,
    }
}

//! rlab.

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("port-proxy") => rlab::port_proxy(&args[2..]).into(),
        _ => std::process::ExitCode::SUCCESS,
    }
}

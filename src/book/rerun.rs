//! The build script: cargo is told to build rlab again when a page, a lab or a source file comes or goes. Of the files that
//! are inside the binary already the compiler knows by itself; of one that is new it does not.

use std::io::Write;

fn main() -> std::io::Result<()> {
    let mut cargo = std::io::stdout();
    ["book", "labs", "src"].iter().try_for_each(|folder| writeln!(cargo, "cargo:rerun-if-changed={folder}"))
}

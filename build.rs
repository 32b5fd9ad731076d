//! The labs and the book are compiled in: a file that is added to them is a reason to compile again.

fn main() {
    for folder in ["labs", "book"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}

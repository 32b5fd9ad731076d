//! The rules of the house that clippy cannot say. Each breach is told with its file and line, and each rule is shown to
//! be able to fail.

mod layers;
mod paths;
mod shape;
mod source;

use source::{Source, mark_test_files, read_all};
use std::path::Path;

/// A rule that a line breaks.
#[derive(Debug, PartialEq, Eq)]
struct Breach {
    path: String,
    line: usize,
    rule: &'static str,
    what: String,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.what)
    }
}

fn assert_none(breaches: &[Breach]) {
    let told: Vec<String> = breaches.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{} breaches of the house's rules:\n{}\n", told.len(), told.join("\n"));
}

#[test]
fn the_layers_hold() {
    assert_none(&read_all(&["src"]).iter().flat_map(layers::check).collect::<Vec<_>>());
}

#[test]
fn files_can_be_taken_in() {
    assert_none(&read_all(&["src", "tests"]).iter().flat_map(shape::check).collect::<Vec<_>>());
}

#[test]
fn the_bans_are_lifted_in_sys_alone() {
    let sources = read_all(&["src"]);
    assert_none(&sources.iter().flat_map(lifted_bans).collect::<Vec<_>>());
}

/// Places that lift the ban on the kernel's calls for themselves. Output is lifted where the terminal is written to.
fn lifted_bans(source: &Source) -> Vec<Breach> {
    let allowed = |ban: &str| match ban {
        "disallowed_methods" => source.path.starts_with("src/sys/"),
        _ => source.path.starts_with("src/cli/") || source.path.starts_with("src/lab/"),
    };
    let mut breaches = vec![];
    for (number, line) in source.code.lines().enumerate() {
        for ban in ["disallowed_methods", "disallowed_macros"] {
            if line.contains(ban) && !allowed(ban) && !source.is_test(number + 1) {
                let what = format!("{ban} is lifted here");
                breaches.push(Breach { path: source.path.clone(), line: number + 1, rule: "bans", what });
            }
        }
    }
    breaches
}

#[test]
fn every_excuse_is_needed() {
    for (path, why) in layers::MAY_WRITE {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        assert!(text.is_ok_and(|text| text.contains("fs::")), "{path} needs no excuse any more ({why})");
    }
}

#[test]
fn every_test_file_is_registered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".rs").filter(|stem| *stem != "main") else { continue };
        assert!(main.contains(&format!("mod {stem};")), "tests/{name} is not in tests/main.rs, so it never runs");
    }
}

// What follows shows that each rule can fail.

fn layer_breaches(path: &str, text: &str) -> Vec<String> {
    layers::check(&Source::new(path, text)).iter().map(ToString::to_string).collect()
}

fn shape_breaches(path: &str, text: &str) -> Vec<String> {
    shape::check(&Source::new(path, text)).iter().map(ToString::to_string).collect()
}

#[test]
fn a_lower_layer_may_not_use_an_upper_one() {
    let upward = [
        ("src/runtime/create.rs", "use crate::engine::run;\n"),
        ("src/runtime/stage/mounts.rs", "use crate::{sys, image::Layer};\n"),
        ("src/runtime/init.rs", "use crate::{\n    sys,\n    network::{self, Mode},\n};\n"),
        ("src/runtime/init.rs", "fn f() { crate::shim::wait() }\n"),
        ("src/runtime/stage/user.rs", "use super::super::super::engine;\n"),
        ("src/cgroup/mod.rs", "use super::runtime::Plan;\n"),
        ("src/trace/sink.rs", "use crate::sys::Error;\n"),
        ("src/engine/run.rs", "use crate::runtime;\n"),
        ("src/image/mod.rs", "use crate::network;\n"),
        ("src/cli/run.rs", "pub use crate::runtime::Plan as _;\n"),
        ("src/cgroup/v2.rs", "mod tests {\n    use super::super::super::runtime::Plan;\n}\n"),
        ("src/helm/mod.rs", "fn f() {}\n"),
    ];
    for (path, text) in upward {
        assert_ne!(layer_breaches(path, text), [""; 0], "{path}: {text}");
    }
    let downward = [
        ("src/cli/oci.rs", "use crate::runtime;\n"),
        ("src/cli/oci/create.rs", "use crate::runtime;\n"),
        ("src/shim/mod.rs", "use crate::runtime::create;\n"),
        ("src/engine/run.rs", "use crate::{image, network, shim, sys::{self, Error}, trace};\n"),
        ("src/runtime/stage/user.rs", "use super::super::plan::Plan;\nuse crate::sys;\n"),
        ("src/runtime/init.rs", "// crate::engine is named here only\nconst TEXT: &str = \"crate::engine\";\n"),
        ("src/cgroup/v2.rs", "mod tests {\n    use super::*;\n    use super::super::v1;\n}\n"),
        ("src/lib.rs", "pub use cli::main;\nuse crate::runtime;\n"),
    ];
    for (path, text) in downward {
        assert_eq!(layer_breaches(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn a_breach_names_file_line_and_rule() {
    let told =
        layer_breaches("src/runtime/create.rs", "//! Creates.\n\nuse crate::{\n    sys,\n    engine::run,\n};\n");
    assert_eq!(told, ["src/runtime/create.rs:5: layers: `runtime` may not use `crate::engine::run`"]);
}

#[test]
fn kernel_crates_and_unsafe_stay_in_sys() {
    for text in [
        "use nix::mount::MsFlags;\n",
        "fn f() { libc::sync() }\n",
        "use {rustix::fs::Mode, std::io};\n",
        "use netlink_packet_route::link::LinkMessage;\n",
        "fn f() { unsafe { g() } }\n",
        "use nix as n;\n",
    ] {
        assert_eq!(layer_breaches("src/network/link.rs", text).len(), 1, "{text}");
        assert_eq!(layer_breaches("src/sys/link.rs", text), [""; 0], "{text}");
    }
    assert_eq!(layer_breaches("src/network/link.rs", "fn f(nix: u8) -> u8 { sys::nix::x(); nix }\n"), [""; 0]);
    assert_eq!(layer_breaches("src/sys/mount.rs", "use oci_spec::runtime::Mount;\n").len(), 1);
    assert_eq!(layer_breaches("src/runtime/plan.rs", "use oci_spec::runtime::Mount;\n"), [""; 0]);
}

#[test]
fn the_lower_layers_do_not_write_behind_the_traces_back() {
    for text in [
        "fn f() { std::fs::write(path, text) }\n",
        "use std::fs;\nfn f() { fs::create_dir_all(path) }\n",
        "use std::fs::{read, remove_dir};\n",
        "fn f() { std::fs::File::create(path) }\n",
        "use std::os::unix::fs::symlink;\n",
    ] {
        assert_eq!(layer_breaches("src/cgroup/v1.rs", text).len(), 1, "{text}");
        assert_eq!(layer_breaches("src/image/store.rs", text), [""; 0], "{text}");
        let in_test = format!("#[cfg(test)]\nmod tests {{\n{text}}}\n");
        assert_eq!(layer_breaches("src/cgroup/v1.rs", &in_test), [""; 0], "{text}");
    }
    assert_eq!(
        layer_breaches("src/cgroup/v1.rs", "fn f() { std::fs::read(path); crate::sys::fs::write(path) }\n"),
        [""; 0]
    );
}

#[test]
fn long_files_long_functions_and_mute_files_are_seen() {
    let opening = "//! Something.\n";
    let body = "    f();\n".repeat(58);
    let function = |extra: &str| format!("{opening}fn long() {{\n{body}{extra}}}\n");
    assert_eq!(shape_breaches("src/a.rs", &function("")), [""; 0]);
    let told = shape_breaches("src/a.rs", &function("    g(\"}\");\n"));
    assert_eq!(told, ["src/a.rs:2: function length: `long` has 61 lines, at most 60"]);
    assert_eq!(shape_breaches("src/a.rs", &format!("{opening}{}", "const A: u8 = 1;\n".repeat(500))).len(), 1);
    assert_eq!(shape_breaches("src/a.rs", "use std::io;\n").len(), 1);
    assert_eq!(shape_breaches("src/utils.rs", opening).len(), 1);
    assert_eq!(shape_breaches("src/common/a.rs", opening).len(), 1);
    assert_eq!(shape_breaches("src/a.rs", "//! A.\n\n// TODO later\n").len(), 1);
    assert_eq!(shape_breaches("src/a.rs", "//! A.\nconst URL: &str = \"http://TODO\";\n"), [""; 0]);
}

#[test]
fn a_stage_file_gives_its_reasons() {
    let stage = |comments: usize, code: usize| {
        let text = format!("{}{}", "//! Why.\n".repeat(comments), "const A: u8 = 1;\n".repeat(code));
        shape_breaches("src/runtime/stage/user.rs", &text).len()
    };
    assert_eq!(stage(30, 70), 0);
    assert_eq!(stage(20, 80), 1);
    assert_eq!(stage(60, 40), 1);
}

#[test]
fn a_ban_lifted_elsewhere_is_seen() {
    let text = "#![expect(clippy::disallowed_methods, reason = \"none\")]\n";
    assert_eq!(lifted_bans(&Source::new("src/runtime/init.rs", text)).len(), 1);
    assert_eq!(lifted_bans(&Source::new("src/sys/mod.rs", text)).len(), 0);
    assert_eq!(lifted_bans(&Source::new("src/image/mod.rs", "#[allow(clippy::disallowed_macros)]\n")).len(), 1);
}

#[test]
fn a_file_declared_for_tests_is_for_tests() {
    let mut sources = vec![
        Source::new("src/cgroup/mod.rs", "#[cfg(test)]\nmod oracle;\nmod v1;\n"),
        Source::new("src/cgroup/oracle.rs", "fn f() { std::fs::write(path) }\n"),
        Source::new("src/cgroup/v1.rs", "fn f() { std::fs::write(path) }\n"),
    ];
    mark_test_files(&mut sources);
    let breached: Vec<usize> = sources.iter().map(|source| layers::check(source).len()).collect();
    assert_eq!(breached, [0, 0, 1]);
}

#[test]
fn comments_and_literals_are_blanked_and_lifetimes_are_not() {
    let read = |text: &str| source::split(text).0;
    assert_eq!(read("a // b\nc"), "a     \nc");
    assert_eq!(read("a /* b /* c */ d */ e"), "a                   e");
    assert_eq!(
        read("f(\"a\\\"b\", '{', '\\n')"),
        format!("f({}, {}, {})", " ".repeat(6), " ".repeat(3), " ".repeat(4))
    );
    assert_eq!(read("r#\"a\"b\"# r#type x<'a>('b')"), format!("{} r#type x<'a>({})", " ".repeat(8), " ".repeat(3)));
    assert_eq!(read("b\"x\" bar\"y\""), "b    bar   ");
    assert_eq!(source::split("f(\"//\") // g").1, format!("{}// g", " ".repeat(8)));
}

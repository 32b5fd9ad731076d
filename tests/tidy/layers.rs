//! Who may know whom. DESIGN's layers, as a table and the rules that go with it.

use super::Breach;
use super::paths::{lines_with, named};
use super::source::Source;

/// Each module, and the modules that it may use. What is not in a row may not be used; what has no row may not exist.
const LAYERS: &[(&str, &[&str])] = &[
    ("trace", &[]),
    ("sys", &["trace"]),
    ("cgroup", &["sys", "trace"]),
    ("runtime", &["cgroup", "sys", "trace"]),
    ("shim", &["runtime", "cgroup", "sys", "trace"]),
    ("image", &["cgroup", "sys", "trace"]),
    ("network", &["cgroup", "sys", "trace"]),
    ("volume", &["cgroup", "sys", "trace"]),
    ("engine", &["image", "network", "volume", "shim", "cgroup", "sys", "trace"]),
    // Above the engine: a machine is run from the engine's images, settings and records, and only its end is another.
    ("vm", &["engine", "image", "network", "volume", "shim", "cgroup", "sys", "trace"]),
    ("lab", &["image", "network", "volume", "shim", "cgroup", "sys", "trace"]),
    // Beside the engine, not above it: what only the engine or the command line knows is handed in.
    ("book", &["lab", "sys", "trace"]),
    ("fuzzing", &["engine", "image", "runtime", "sys"]),
    ("cli", &["book", "lab", "vm", "engine", "image", "network", "volume", "shim", "cgroup", "sys", "trace"]),
    ("cli/oci", &["runtime", "lab", "vm", "engine", "image", "network", "volume", "shim", "cgroup", "sys", "trace"]),
];

/// Crates whose functions are system calls, or build the bytes of one.
const KERNEL_CRATES: &[&str] = &["nix", "libc", "rustix", "seccompiler", "libseccomp", "kvm_ioctls", "kvm_bindings"];

/// Functions of std that change files. What a container is made of changes through `sys`, where the trace sees it.
const WRITES: &[&str] = &[
    "write",
    "create_dir",
    "create_dir_all",
    "remove_file",
    "remove_dir",
    "remove_dir_all",
    "rename",
    "copy",
    "hard_link",
    "soft_link",
    "symlink",
    "set_permissions",
    "OpenOptions",
    "DirBuilder",
];

/// Files of the lower layers that may write with std, and why that is no change of kernel state.
pub const MAY_WRITE: &[(&str, &str)] =
    &[("src/runtime/state.rs", "the record of a container is rlab's own file; the kernel does not know it")];

/// Every breach of the layers in one file.
pub fn check(source: &Source) -> Vec<Breach> {
    let mut breaches = vec![];
    let Some(layer) = layer_of(source) else { return breaches };
    let breach = |line, rule: &'static str, what: String| Breach { path: source.path.clone(), line, rule, what };
    let Some((_, may_use)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![breach(1, "layers", format!("`{layer}` has no row in the table of layers"))];
    };
    for path in named(source) {
        let whole = path.parts.join("::");
        if let Some(module) = path.own_module()
            && module != layer.split('/').next().unwrap_or(layer)
            && !may_use.contains(&module)
            && !matches!(module, "skip" | "fuzzing")
        {
            breaches.push(breach(path.line, "layers", format!("`{layer}` may not use `{whole}`")));
        }
        let first = path.parts[0].as_str();
        if layer != "sys" && (KERNEL_CRATES.contains(&first) || first.starts_with("netlink_")) {
            breaches.push(breach(path.line, "kernel's door", format!("`{whole}` belongs in src/sys")));
        }
        if matches!(layer, "sys" | "trace") && first == "oci_spec" {
            breaches.push(breach(path.line, "layers", format!("`{layer}` knows no type of the spec: `{whole}`")));
        }
        let excused = source.is_test(path.line) || MAY_WRITE.iter().any(|(file, _)| *file == source.path);
        if matches!(layer, "runtime" | "network" | "cgroup") && !excused && writes(&path.parts) {
            breaches.push(breach(path.line, "writes", format!("`{whole}` changes what the trace does not see")));
        }
    }
    if layer != "sys" {
        for line in lines_with(source, "unsafe") {
            breaches.push(breach(line, "unsafe", "unsafe code belongs in src/sys".to_owned()));
        }
    }
    breaches
}

/// The layer of a file; nothing for the crate's roots, which only name the modules and call the first of them.
fn layer_of(source: &Source) -> Option<&str> {
    match source.module()[..] {
        ["cli", "oci", ..] => Some("cli/oci"),
        [first, ..] => Some(first),
        [] => None,
    }
}

/// Whether a path names a function of std that changes files. A path through `sys` is the right way to do it.
fn writes(parts: &[String]) -> bool {
    let has = |name: &str| parts.iter().any(|part| part == name);
    let last = parts.last().map_or("", String::as_str);
    let of_file = has("File") && matches!(last, "create" | "create_new" | "options");
    let of_fs = has("fs") && WRITES.contains(&last);
    (of_file || of_fs || matches!(parts[0].as_str(), "OpenOptions" | "DirBuilder")) && !has("sys")
}

//! Directories of the host in a machine.

use super::machines::machines;
use std::fs;
use std::path::Path;

/// Where Debian's and other distributions' packages put it.
const VIRTIOFSD: [&str; 2] = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"];

#[test]
fn a_directory_is_shared_and_one_that_is_read_only_stays_so() {
    let machines = machines!(alone);
    if !VIRTIOFSD.iter().any(|path| Path::new(path).exists()) {
        return crate::skip::aloud("virtiofsd, which serves directories to a machine, is not here");
    }
    let [shared, kept] = ["shared", "kept"].map(|name| machines.folder().join(name));
    for (folder, text) in [(&shared, "one\n"), (&kept, "two\n")] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("file"), text).unwrap();
    }
    let flags = [format!("{}:/a/b", shared.display()), format!("{}:/c:ro", kept.display())];
    let line = "cat /a/b/file /c/file; write /a/b/new from-inside; write /c/new from-inside; echo end";
    let output = machines.shell(&["-v", &flags[0], "-v", &flags[1]], line);
    output.succeeded().wrote("one\ntwo\nend").told("/c/new: Read-only file system");
    assert_eq!(fs::read_to_string(shared.join("new")).unwrap().trim(), "from-inside");
    assert!(!kept.join("new").exists(), "what is read-only is so out here, whatever the guest does");
    let refused = machines.tool(&["-v", &format!("{}/file:/x", shared.display())], &["true"]);
    refused.ended_with(125).told("only directories can be shared");
    machines.assert_restored();
}

//! Which kernel is taken, from trees made for the test; and the distribution's, where its archive can be reached.
use super::header::tests::bz_image;
use super::*;

/// A host with these kernels in `/boot`, and modules for those with a list of what is built in.
fn host(kernels: &[(&str, Option<&str>)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("boot")).unwrap();
    for (release, built_in) in kernels {
        let text = format!("{release} (x) #1\0");
        fs::write(root.path().join(format!("boot/vmlinuz-{release}")), bz_image(0x20f, 1, text.as_bytes())).unwrap();
        if let Some(built_in) = built_in {
            let dir = root.path().join("lib/modules").join(release);
            fs::create_dir_all(&dir).unwrap();
            let lines: String = built_in.split_whitespace().map(|name| format!("kernel/{name}.ko\n")).collect();
            fs::write(dir.join("modules.builtin"), lines).unwrap();
        }
    }
    root
}

fn found_on(host: &tempfile::TempDir, running: &str) -> Option<String> {
    found(host.path(), running).map(|kernel| kernel.release)
}

#[test]
fn the_host_s_kernel_is_the_running_one_else_the_newest_with_its_drivers() {
    let all = DRIVERS.join(" ");
    let all = Some(all.as_str());
    let host = host(&[("6.9.0", all), ("6.10.2", all), ("6.12.0", Some("ext4")), ("6.11.0", None), ("5.10.0", all)]);
    assert_eq!(found_on(&host, "6.9.0").as_deref(), Some("6.9.0"));
    assert_eq!(found_on(&host, "6.18.0").as_deref(), Some("6.10.2"));
    assert_eq!(found_on(&host, "6.12.0").as_deref(), Some("6.10.2"));
    fs::write(host.path().join("boot/vmlinuz-7.0.0"), "text").unwrap();
    assert_eq!(found_on(&host, "7.0.0").as_deref(), Some("6.10.2"));
    assert_eq!(found(&host.path().join("boot"), ""), None);
}

#[test]
fn a_named_kernel_comes_with_the_modules_beside_it() {
    let host = host(&[("6.1.0", Some("ext4")), ("6.2.0", None)]);
    let kernel = find(Path::new("/none"), Some(&host.path().join("boot/vmlinuz-6.1.0")), &|_| {}).unwrap();
    assert_eq!((kernel.came.words(), kernel.release.as_str()), ("named", "6.1.0"));
    assert_eq!(kernel.modules.unwrap(), host.path().join("lib/modules/6.1.0"));
    let kernel = find(Path::new("/none"), Some(&host.path().join("boot/vmlinuz-6.2.0")), &|_| {}).unwrap();
    assert_eq!(kernel.modules, None);
}

#[test]
fn a_file_that_is_no_kernel_is_named_with_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let mut arm = vec![0; 64];
    arm[0x38..0x3c].copy_from_slice(b"ARM\x64");
    let cases: [(&[u8], &str); 4] = [
        (b"#!/bin/sh", "is no kernel that a machine can start: it is no file of a kind"),
        (&arm, "for arm64, and the machine is an x86-64"),
        (b"\x1f\x8b\x08", "it is a gzip file"),
        (&bz_image(0x20f, 1, b"\0"), "does not say its release"),
    ];
    for (content, told) in cases {
        fs::write(&path, content).unwrap();
        let error = find(dir.path(), Some(&path), &|_| {}).unwrap_err();
        assert!(error.to_string().contains(told) && error.to_string().contains("/file"), "{error}");
        assert!(error.hint().unwrap().contains("--kernel"));
    }
    let error = find(dir.path(), Some(Path::new("/no/such")), &|_| {}).unwrap_err();
    assert!(error.to_string().starts_with("cannot read /no/such: No such file"), "{error}");
}

#[test]
fn the_newest_that_was_fetched_is_kept_and_what_is_damaged_is_not() {
    let cache = tempfile::tempdir().unwrap();
    for (release, content) in [("6.9.0", "6.9.0 x"), ("6.10.0", "6.10.0 x"), ("6.11.0", "6.10.0 x"), ("6.12.0", "")] {
        let dir = cache.path().join(release);
        fs::create_dir_all(dir.join("lib/modules").join(release)).unwrap();
        fs::write(dir.join("vmlinuz"), bz_image(0x20f, 1, content.as_bytes())).unwrap();
    }
    let kernel = fetch::kept_or_fetched(cache.path(), &|line| panic!("{line}")).unwrap();
    assert_eq!((kernel.release.as_str(), kernel.came.words()), ("6.10.0", "kept"));
    assert_eq!(kernel.modules.unwrap(), cache.path().join("6.10.0/lib/modules/6.10.0"));
}

#[test]
fn the_distribution_s_kernel_is_fetched_once_and_has_the_drivers() {
    // Beside the test program, so that a second run of the tests fetches nothing; for who may not write there, elsewhere.
    let elsewhere = tempfile::tempdir().unwrap();
    let beside = std::env::current_exe().unwrap().with_file_name("../vm-kernels");
    let cache = if crate::sys::geteuid() == 0 { &beside } else { elsewhere.path() };
    let kernel = match fetch::kept_or_fetched(cache, &|_| {}) {
        Err(Error::Fetch(
            error @ (crate::image::classroom::Error::NoPackageManager { .. }
            | crate::image::classroom::Error::Unreachable { .. }),
        )) => {
            return crate::skip::aloud(format!("no kernel is fetched: {error}"));
        }
        other => other.unwrap(),
    };
    let again = fetch::kept_or_fetched(cache, &|line| panic!("{line}")).unwrap();
    assert_eq!(again, Kernel { came: Came::Kept, ..kernel.clone() });
    let modules = modules::needed(&kernel, DRIVERS, &[]).unwrap();
    let place = |name: &str| modules.iter().position(|module| module.name == name);
    assert!(place("virtio_pci") > place("virtio") || place("virtio_pci").is_none(), "{modules:?}");
    assert!(!cache.join("work").exists());
    let dir = cache.join(&kernel.release);
    let mut kept: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    kept.sort();
    assert_eq!(kept, ["lib", "vmlinuz"]);
}

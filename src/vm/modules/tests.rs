//! The order of loading, from trees of modules made for the test.
use super::super::kernel::Came;
use super::file::tests::module;
use super::*;

const RELEASE: &str = "6.1.0-test";

fn tree(modules: &[(&str, &str)], built_in: &str) -> (tempfile::TempDir, Kernel) {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("lib/modules").join(RELEASE);
    fs::create_dir_all(dir.join("kernel/drivers")).unwrap();
    fs::write(dir.join("modules.builtin"), built_in).unwrap();
    for (file, says) in modules {
        let entries: Vec<&str> = says.split(';').chain(["vermagic=6.1.0-test SMP"]).collect();
        fs::write(dir.join("kernel/drivers").join(file), module(&entries)).unwrap();
    }
    let image = root.path().join("boot/vmlinuz");
    (root, Kernel { image, release: RELEASE.to_owned(), modules: Some(dir), came: Came::Named })
}

fn order(kernel: &Kernel, required: &[&str], optional: &[&str]) -> Result<String, Error> {
    let found = needed(kernel, required, optional)?;
    Ok(found.iter().map(|module| module.name.as_str()).collect::<Vec<_>>().join(" "))
}

#[test]
fn dependencies_come_first_and_once() {
    let modules = [
        ("virtio_pci.ko", "depends=virtio-ring,virtio"),
        ("virtio_ring.ko", "depends=virtio"),
        ("virtio.ko", "depends="),
        ("virtio-net.ko", "depends=virtio_ring,net_failover"),
        ("net_failover.ko", "depends="),
    ];
    let (_root, kernel) = tree(&modules, "kernel/fs/ext4/ext4.ko\nkernel/drivers/net/net-failover.ko.xz\n");
    let names = ["virtio_pci", "virtio_net", "virtio-pci", "ext4"];
    assert_eq!(order(&kernel, &names, &[]).unwrap(), "virtio virtio_ring virtio_pci virtio_net");
}

#[test]
fn a_required_driver_is_missed_and_an_optional_one_is_not() {
    let modules = [("a.ko", "depends=b"), ("c.ko", "depends=d"), ("d.ko", "depends=gone"), ("b.ko", "depends=")];
    let (_root, kernel) = tree(&modules, "");
    assert_eq!(order(&kernel, &["a"], &["c", "absent"]).unwrap(), "b a");
    let error = order(&kernel, &["c"], &[]).unwrap_err().to_string();
    for told in ["gone, which c needs", RELEASE, "lib/modules"] {
        assert!(error.contains(told), "{error}");
    }
    let error = needed(&kernel, &["overlay"], &[]).unwrap_err();
    assert!(error.to_string().contains("has no driver overlay:") && error.hint().is_some(), "{error}");
}

#[test]
fn what_a_module_asks_for_softly_comes_before_it_where_it_exists() {
    let ext4 = "depends=jbd2;softdep=pre: crypto-crc32c gone post: later";
    let modules = [("ext4.ko", ext4), ("crc32c_generic.ko", "depends="), ("jbd2.ko", ""), ("later.ko", "")];
    let (_root, kernel) = tree(&modules, "");
    assert_eq!(order(&kernel, &["ext4"], &[]).unwrap(), "crc32c_generic jbd2 ext4");
}

#[test]
fn modules_that_need_each_other_come_to_an_end() {
    let (_root, kernel) = tree(&[("a.ko", "depends=b"), ("b.ko", "depends=a")], "");
    assert_eq!(order(&kernel, &["a"], &[]).unwrap(), "b a");
}

#[test]
fn what_was_built_for_this_machine_comes_before_what_was_sent() {
    let (_root, kernel) = tree(&[("a.ko", "depends=")], "");
    let updates = kernel.modules.as_ref().unwrap().join("updates");
    fs::create_dir(&updates).unwrap();
    fs::write(updates.join("a.ko"), module(&["vermagic=6.1.0-test x"])).unwrap();
    assert_eq!(needed(&kernel, &["a"], &[]).unwrap()[0].path, updates.join("a.ko"));
}

#[test]
fn modules_of_another_release_are_named() {
    let (root, mut kernel) = tree(&[("a.ko", "")], "");
    kernel.release = "6.2.0".to_owned();
    let error = order(&kernel, &["a"], &[]).unwrap_err().to_string();
    assert!(error.contains("made for kernel 6.1.0-test, and 6.2.0 will not"), "{error}");
    kernel.modules = None;
    let error = order(&kernel, &["a"], &[]).unwrap_err().to_string();
    assert!(error.contains("no modules for kernel 6.2.0") && error.contains("only for 6.1.0-test"), "{error}");
    kernel.image = root.path().join("elsewhere/a/b/bzImage");
    assert_eq!(order(&kernel, &["a"], &[]).unwrap(), "");
}

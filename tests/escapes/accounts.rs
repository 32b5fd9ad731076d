//! CVE-2019-14271: docker cp looked users up with the libraries of the image, as root of the host. rlab reads the image's
//! files itself, and whatever stands in their place.

use super::range::{compile_library, images, range};

/// A library that leaves a trace of its having been loaded, under every name that a C library would look for.
#[test]
fn no_library_of_the_images_is_ever_loaded() {
    let (range, images) = (range!(), images!());
    let library = range.place().join("hostile.so");
    std::fs::write(&library, compile_library()).unwrap();
    // It does what it is for where it is loaded: into a program of the image `lab`.
    let volume = format!("{}:/hostile.so", library.display());
    range.tool(&["-v", &volume, "-e", "LD_PRELOAD=/hostile.so"], &["ls", "/loaded"]).succeeded();
    let script = format!(
        "mkdir -p etc lib usr/lib lib64
         printf 'passwd: hostile\\ngroup: hostile\\nhosts: hostile\\n' > etc/nsswitch.conf
         printf 'student:x:1234:1234::/home:/attack\\n' > etc/passwd; printf 'crew:x:77:student\\n' > etc/group
         for folder in lib lib/x86_64-linux-gnu lib/aarch64-linux-gnu lib64 usr/lib usr/lib/x86_64-linux-gnu; do
           mkdir -p $folder
           for name in hostile files compat dns; do cp {0} $folder/libnss_$name.so.2; done
           for name in libc.so.6 libgcc_s.so.1 libpthread.so.0; do cp {0} $folder/$name; done
         done
         printf '/lib/libnss_hostile.so.2\\n' > etc/ld.so.preload",
        library.display()
    );
    let image = images.add(&range, "nss", &script, &["--config.user", "student:crew"]);
    for flags in [&[][..], &["-t"], &["--init"], &["-u", "student"], &["-h", "name"]] {
        let came = images.attack(flags, &image, &["look,/loaded", "status,Uid"]).succeeded();
        came.wrote_line_with("look,/loaded: ENOENT").wrote_line_with("status,Uid: 1234");
    }
}

/// What stands at /etc/passwd is read inside the tree, only if it is a file, and no further than an honest one goes.
#[test]
fn whatever_stands_at_etc_passwd_neither_leads_out_nor_stops_rlab() {
    let (range, images) = (range!(), images!());
    let outside = range.place().join("passwd");
    std::fs::write(&outside, "root:x:4242:4242::/:/\nghost:x:4242:4242::/:/\n").unwrap();
    let climbing = format!("../../../../../../../../..{}", outside.display());
    for (name, script) in [
        ("absent", "true".to_owned()),
        ("absolute", format!("ln -s {} etc/passwd", outside.display())),
        ("climbing", format!("ln -s {climbing} etc/passwd")),
        ("loop", "ln -s passwd etc/passwd".to_owned()),
        ("fifo", "mkfifo etc/passwd".to_owned()),
        ("device", "mknod etc/passwd c 1 5".to_owned()),
        ("folder", "mkdir etc/passwd".to_owned()),
        ("proc", "ln -s /proc/self/environ etc/passwd".to_owned()),
    ] {
        let image = images.add(&range, name, &format!("mkdir etc; {script}"), &[]);
        images.attack(&["-u", "ghost"], &image, &["status,Uid"]).ended_with(125).told("ghost");
        images.attack(&["-u", "12"], &image, &["status,Uid"]).succeeded().wrote("status,Uid: 12");
        images.attack(&[], &image, &["status,Uid"]).succeeded().wrote("status,Uid: 0");
    }
    // Longer than an honest one: what comes after the limit is not read.
    let long = "mkdir etc; { head -c 5M /dev/zero | tr '\\0' '\\n'; echo ghost:x:4242:4242::/:/; } > etc/passwd";
    let image = images.add(&range, "long", long, &[]);
    images.attack(&["-u", "ghost"], &image, &["status,Uid"]).ended_with(125).told("ghost");
}

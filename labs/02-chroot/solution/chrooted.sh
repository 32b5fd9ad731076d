sh box.sh --chroot --hostname {{box}}

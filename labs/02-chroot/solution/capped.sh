sh box.sh --chroot --hostname {{box}} --cap-drop SYS_CHROOT

# TODO: as chrooted.sh, but without the one capability that the escape needs.
sh box.sh --chroot --hostname {{box}}

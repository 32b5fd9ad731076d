# TODO: box.sh with two flags for rlab: one that asks for chroot, and the host name {{box}}.
sh box.sh

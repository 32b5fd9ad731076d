# TODO: box.sh with two flags for rlab: one that asks for chroot, and the host name {{box}}.
echo "chrooted.sh is not written yet" >&2
exit 1

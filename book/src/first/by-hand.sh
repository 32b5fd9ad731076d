#!/bin/sh
# ANCHOR: script
# A container by hand, as root: sh by-hand.sh LAYERS COMMAND [ARGUMENT…]
# LAYERS are directories with an image's files, the uppermost first, with ":" between.
set -eu
layers=$1; shift
name=hand$$
box=$(mktemp -d)                    # all that is this container's alone
pids=/sys/fs/cgroup/pids            # the pids controller: v1, or hybrid
if ! [ -d "$pids" ]; then           # or v2, where it is handed down first
    pids=/sys/fs/cgroup
    echo +pids > "$pids/cgroup.subtree_control"
fi

tidy() {                            # teardown: in reverse order, whatever happened
    [ -z "${child-}" ] || kill -9 "$child" 2>/dev/null && wait || true
    while [ -d "$pids/$name" ] && ! rmdir "$pids/$name" 2>/dev/null; do sleep 0.1; done
    ip netns del "$name" || true    # the veth pair goes with it
    umount "$box/root" || true
    rm -rf "$box"
}
trap tidy EXIT
trap 'exit 130' INT TERM

# snapshot: the layers below are only read, the empty directory above takes the changes
mkdir "$box/upper" "$box/work" "$box/root"
mount -t overlay overlay "$box/root" \
    -o "lowerdir=$layers,upperdir=$box/upper,workdir=$box/work"

# network: a namespace, and a cable into it
ip netns add "$name"
ip link add "$name" type veth peer name eth0 netns "$name"
ip addr add 10.99.0.1/30 dev "$name"
ip link set "$name" up
ip -n "$name" addr add 10.99.0.2/30 dev eth0
ip -n "$name" link set lo up
ip -n "$name" link set eth0 up

# cgroup: the limit stands before anyone is in there
mkdir "$pids/$name"
echo 16 > "$pids/$name/pids.max"

# namespaces, capabilities: process 1 joins the group and the network, gets the other
# namespaces, gives up most of root's power, and waits. $0 is the box in there.
mkfifo "$box/pid" "$box/go"
exec 3<&0
(
    echo 0 > "$pids/$name/cgroup.procs"
    exec nsenter --net="/run/netns/$name" \
        unshare --mount --propagation private --uts --ipc --cgroup --pid \
        --fork --kill-child \
        setpriv --bounding-set -all,+chown,+setuid,+setgid,+kill --no-new-privs \
        sh -c 'read -r pid rest < /proc/self/stat; echo "$pid" > "$0/pid"
               read -r go < "$0/go"; cd /; exec "$@"' "$box" "$@"
) <&3 &
child=$!
read -r pid < "$box/pid"

# mounts, devices, masked_paths, hostname, pivot_root: done from outside, because the
# programs for it are the host's
nsenter --target "$pid" --mount --uts --ipc --pid sh -eu -c '
    cd "$1"
    mount -t proc -o nosuid,nodev,noexec proc proc
    mount --bind proc/sys proc/sys
    mount -o remount,bind,ro proc/sys
    mount -t tmpfs -o nosuid,mode=755 tmpfs dev
    for device in null:3 zero:5 random:8 urandom:9; do
        mknod -m 666 "dev/${device%:*}" c 1 "${device#*:}"
    done
    hostname "$2"
    pivot_root . .' sh "$box/root" "$name"
nsenter --target "$pid" --mount umount -l /   # the host's tree lies on top: off with it

echo go > "$box/go"                 # exec
wait "$child"                       # wait, and its exit status becomes ours
# ANCHOR_END: script

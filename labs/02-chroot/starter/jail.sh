# A program with {{room}} as its root directory, and nothing else changed.
# TODO: put chroot(8) and {{room}} in front, so that this shell runs inside.
/bin/sh -c 'echo ready; exec sleep 20'

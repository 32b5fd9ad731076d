# A program with {{room}} as its root directory, and nothing else changed.
chroot {{room}} /bin/sh -c 'echo ready; exec sleep 20'

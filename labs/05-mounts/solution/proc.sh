# A process in a PID namespace of its own, and a mount namespace of its own. Its /proc is still the host's.
unshare --pid --fork --kill-child --mount sh -eu -c '
    mount -t proc {{box}} /proc
    echo ready
    exec sleep 20
'

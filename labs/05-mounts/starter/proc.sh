# A process in a PID namespace of its own, and a mount namespace of its own. Its /proc is still the host's.
unshare --pid --fork --kill-child --mount sh -eu -c '
    # TODO: mount a fresh proc on /proc, with {{box}} as its source
    echo ready
    exec sleep 20
'

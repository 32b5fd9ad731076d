# As proc.sh, with the fresh /proc already mounted (--mount-proc does that). Leave that in: without it, the third line
# would work on the /proc of your machine.
unshare --pid --fork --kill-child --mount --mount-proc sh -eu -c '
    # TODO: what a runtime does to /proc.
    # 1. the file /proc/timer_list is covered by /dev/null
    # 2. the directory /proc/fs is covered by an empty tmpfs, read-only, with {{box}} as its source
    # 3. /proc/sys becomes read-only, and only it: bound onto itself, and then remounted
    echo ready
    exec sleep 20
'

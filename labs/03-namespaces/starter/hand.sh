# Without rlab: put unshare and its flags between exec and sh, so that sh runs in a new PID namespace and a new UTS
# namespace, with a /proc of its own, and ends when unshare is ended (--kill-child).
exec 3</proc/self/ns/uts
exec sh -c '
    # Still in the UTS namespace of the host? Then hostname would rename the host.
    if [ ! /proc/self/ns/uts -ef /proc/self/fd/3 ]; then hostname {{hand}}; fi
    echo ready
    exec sleep 60 3<&-
'

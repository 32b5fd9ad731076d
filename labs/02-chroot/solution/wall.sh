# {{room}} again, entered by pivot_root, by hand. The commands run in a mount namespace of their own: nothing of this reaches
# the rest of the machine, and it all goes when they end.
unshare --mount sh -eu -c '
    mount --bind {{room}} {{room}}
    mount -t proc proc {{room}}/proc
    cd {{room}}
    pivot_root . old
    umount -l /old
    cd /
    echo ready
    exec sleep 20
'

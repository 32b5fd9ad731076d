# {{room}} again, entered by pivot_root, by hand. The commands run in a mount namespace of their own: nothing of this reaches
# the rest of the machine, and it all goes when they end.
unshare --mount sh -eu -c '
    mount -t proc proc {{room}}/proc
    # TODO: five lines.
    # 1. pivot_root takes only a mount point: bind {{room}} onto itself, before the line above
    # 2. change into it
    # 3. pivot_root: "." becomes /, and what was / is hung below old
    # 4. take /old off, lazily (-l), and change to /
    echo ready
    exec sleep 20
'

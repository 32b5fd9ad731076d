# Without rlab: a group of your own. It is made by mkdir and removed by rmdir.
top=/sys/fs/cgroup
undo=
if [ -f $top/cgroup.controllers ]; then
    # v2: one tree for all controllers. The groups below have those that are named here.
    # What was not there before is taken back at the end; the kernel refuses that while another group needs it.
    grep -qw pids $top/cgroup.subtree_control || undo=-pids
    echo +pids > $top/cgroup.subtree_control
else
    # v1, or v2 beside it: a tree for each controller.
    top=$top/pids
fi
group=$top/{{group}}

mkdir "$group"
trap 'rmdir "$group"; if [ -n "$undo" ]; then echo $undo > $top/cgroup.subtree_control || :; fi' EXIT
trap 'exit 143' TERM
# Here: let the group have {{few}} processes at most.

sh -c '
    # Here: put this shell, whose number is $$, into the group, whose directory is "$1".
    echo ready
    exec sleep 60
' sh "$group"

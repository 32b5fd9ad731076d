# Two mount namespaces, and three mounts that both of them have at first. Which later mounts does each see of the other?
# The first of the two stands for the host. It is apart from your real one: what is mounted here ends with this script.
echo "spread.sh is not written yet: take out this line and the next" >&2
exit 1
if [ -z "${APART-}" ]; then APART=yes exec unshare --mount sh -eu "$0"; fi

mount -t tmpfs {{box}} /mnt
for name in both neither down; do
    mkdir /mnt/$name
    mount -t tmpfs {{box}} /mnt/$name
    mkdir /mnt/$name/{{inner}} /mnt/$name/{{outer}}
done
# TODO 1: set the propagation of the mounts that need one (mount --make-… /mnt/NAME), here, before the copy is made:
#         both     what is mounted below it, on either side, appears on the other
#         neither  nothing of the kind
#         down     what is mounted outside appears inside, and not the other way round

unshare --mount --propagation unchanged sleep 20 &
inside=$!
trap 'kill $inside 2>/dev/null || true' EXIT
until [ "$(cat /proc/$inside/comm)" = sleep ]; do kill -0 $inside; sleep 0.02; done
# TODO 2: one of the three takes a second step, inside: nsenter -t $inside -m mount --make-… /mnt/NAME

for name in both neither down; do
    nsenter -t $inside -m mount -t tmpfs from-inside /mnt/$name/{{inner}}
    mount -t tmpfs from-outside /mnt/$name/{{outer}}
done
echo ready
wait

# Two mount namespaces, and three mounts that both of them have at first. Which later mounts does each see of the other?
# The first of the two stands for the host. It is apart from your real one: what is mounted here ends with this script.
if [ -z "${APART-}" ]; then APART=yes exec unshare --mount sh -eu "$0"; fi

mount -t tmpfs {{box}} /mnt
for name in both neither down; do
    mkdir /mnt/$name
    mount -t tmpfs {{box}} /mnt/$name
    mkdir /mnt/$name/{{inner}} /mnt/$name/{{outer}}
done
mount --make-shared /mnt/both
mount --make-private /mnt/neither
mount --make-shared /mnt/down

unshare --mount --propagation unchanged sleep 20 &
inside=$!
trap 'kill $inside 2>/dev/null || true' EXIT
until [ "$(cat /proc/$inside/comm)" = sleep ]; do kill -0 $inside; sleep 0.02; done
nsenter -t $inside -m mount --make-slave /mnt/down

for name in both neither down; do
    nsenter -t $inside -m mount -t tmpfs from-inside /mnt/$name/{{inner}}
    mount -t tmpfs from-outside /mnt/$name/{{outer}}
done
echo ready
wait

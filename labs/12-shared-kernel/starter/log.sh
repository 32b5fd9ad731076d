# Writes a line into the kernel's log from inside a container, and prints how
# many lines with that mark the host's log has. $$ makes the mark new each time.
mark={{word}}-$$
# TODO: as it stands, the container has no /dev/kmsg.
rlab run --rm --network none lab write /dev/kmsg "$mark"
dmesg | grep -c "$mark" || true

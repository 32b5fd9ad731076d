# Writes a line into the kernel's log from inside a container, and prints how
# many lines with that mark the host's log has. $$ makes the mark new each time.
mark={{word}}-$$
rlab run --rm --network none --privileged lab write /dev/kmsg "$mark"
dmesg | grep -c "$mark" || true

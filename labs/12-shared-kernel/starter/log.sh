# Writes a line into the kernel's log from inside a container, and prints how
# many lines more with that word the host's log has.
seen() { dmesg | grep -c {{word}} || true; }
before=$(seen)
# TODO: as it stands, the container has no /dev/kmsg.
rlab run --rm lab write /dev/kmsg {{word}}
echo $(($(seen) - before))

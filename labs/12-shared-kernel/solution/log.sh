# Writes a line into the kernel's log from inside a container, and prints how
# many lines more with that word the host's log has.
seen() { dmesg | grep -c {{word}} || true; }
before=$(seen)
rlab run --rm --privileged lab write /dev/kmsg {{word}}
echo $(($(seen) - before))

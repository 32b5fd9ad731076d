# Nothing to write here: root in a container writes to a kernel setting, that of its own host name.
rlab run --rm --network none lab write /proc/sys/kernel/hostname {{box}}

# What litter.sh and tidy.sh run inside, in the lab image's small shell: commands, separated by ; or &.
# Leave {{orphans}} orphans that end soon, then become sleep.
program='exec sleep 60'

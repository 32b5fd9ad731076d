# Nothing to write here: root in a container reads a file that is masked.
if ! text=$(rlab run --rm --network none lab cat /proc/timer_list); then
    echo "an error"
elif [ -z "$text" ]; then
    echo nothing
else
    echo "the host's timers"
fi

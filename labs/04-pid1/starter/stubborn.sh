# Nothing to change here: a prediction is about this script. sleep is process 1 and is asked to end.
said=$(mktemp)
trap 'rm -f "$said"' EXIT
trap 'exit 143' TERM

rlab run --rm --network none lab sh -c 'echo up; exec sleep 60' > "$said" &
until grep -q up "$said" || ! kill -0 $!; do sleep 0.05; done

kill -TERM $!
code=0
wait $! || code=$?
exit $code

# The same as stubborn.sh. One flag is missing, by which sleep is ended by SIGTERM (exit code 143).
said=$(mktemp)
trap 'rm -f "$said"' EXIT
trap 'exit 143' TERM

rlab run --rm --network none lab sh -c 'echo up; exec sleep 60' > "$said" &
until grep -q up "$said" || ! kill -0 $!; do sleep 0.05; done

kill -TERM $!
code=0
wait $! || code=$?
exit $code

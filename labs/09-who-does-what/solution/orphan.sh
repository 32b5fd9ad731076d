#!/bin/sh
# Nothing to write here. rlab is killed in a way that it can't notice. Does the container's program still run?
set -eu
rlab= container=
# `kill -9` leaves rlab no time to tidy up. The next rlab command sweeps up what was left.
clean() {
    [ -z "$rlab" ] || kill -KILL "$rlab" 2>/dev/null || true
    [ -z "$container" ] || kill -KILL "$container" 2>/dev/null || true
    rm -f orphan.out orphan.jsonl
    rlab run --rm --network none lab true
}
trap clean EXIT
trap 'exit 143' TERM INT HUP

rlab run --rm --network none --trace-out orphan.jsonl lab sh -c 'echo up; sleep 30' >orphan.out &
rlab=$!
until [ -s orphan.out ]; do
    kill -0 "$rlab" 2>/dev/null || exit 1
    sleep 0.02
done
container=$(sed -n 's/.*"call":"clone3".*"ret":\([0-9]*\).*/\1/p' orphan.jsonl)
kill -KILL "$rlab"
wait "$rlab" 2>/dev/null || true
sleep 0.05
if kill -0 "$container" 2>/dev/null; then
    echo runs
    sed -n 's/^PPid:[[:space:]]*/its parent is now process /p' "/proc/$container/status"
else
    echo ended
fi

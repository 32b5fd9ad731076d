# Nothing to change here: two predictions are about this script.
exec rlab run --rm --network none lab sh -c 'kill -KILL 1; echo still here; sleep 60 & exit {{left}}'

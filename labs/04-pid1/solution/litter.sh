# Nothing to change here: what is run inside is in program.sh.
. ./program.sh
exec rlab run --rm --network none lab sh -c "$program"

# The same program as in litter.sh. One flag is missing, by which no zombie is left.
. ./program.sh
exec rlab run --rm --network none --init lab sh -c "$program"

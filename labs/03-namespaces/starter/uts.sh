# Leave out the UTS namespace, and no other.
exec rlab run --rm --network none lab sleep 60

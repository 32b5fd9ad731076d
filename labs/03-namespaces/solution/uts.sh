# Leave out the UTS namespace, and no other.
exec rlab run --rm --network none --uts host lab sleep 60

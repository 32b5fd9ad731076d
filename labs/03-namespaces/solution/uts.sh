# Leave out the UTS namespace, and no other.
exec rlab run --rm --uts host lab sleep 60

# Leave out the UTS namespace, and no other.
exec rlab run --rm lab sleep 60

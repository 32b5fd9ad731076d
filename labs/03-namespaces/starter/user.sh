# Give the container a user namespace of its own.
exec rlab run --rm --network none lab sleep 60

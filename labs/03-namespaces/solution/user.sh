# Give the container a user namespace of its own.
exec rlab run --rm --network none --userns private lab sleep 60

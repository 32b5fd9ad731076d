# Give the container a user namespace of its own.
exec rlab run --rm lab sleep 60

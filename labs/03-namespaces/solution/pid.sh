# Leave out the PID namespace, and no other.
exec rlab run --rm --pid host lab sleep 60

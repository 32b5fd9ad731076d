# Leave out the PID namespace, and no other.
exec rlab run --rm lab sleep 60

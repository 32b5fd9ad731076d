# Limit the group's memory to {{memory}} MiB.
exec rlab run --rm lab sh -c 'free; exec sleep 60'

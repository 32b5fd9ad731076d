# Limit the group's memory to {{memory}} MiB.
exec rlab run --rm --network none lab sh -c 'free; exec sleep 60'

# Limit the group's memory to {{memory}} MiB. eat wants 500 and writes to each page.
exec rlab run --rm --network none lab eat 500m

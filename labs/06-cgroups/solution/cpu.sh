# Give the group 0.{{share}} of a processor.
exec rlab run --rm --network none --cpus 0.{{share}} lab burn 30

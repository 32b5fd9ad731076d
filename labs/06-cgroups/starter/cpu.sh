# Give the group 0.{{share}} of a processor.
exec rlab run --rm --network none lab burn 30

# Give the group 0.{{share}} of a processor.
exec rlab run --rm lab burn 30

# The same kind of container without the filter.
# TODO: leave out seccomp, and nothing else. Call it {{host}}.
rlab run --rm --network none lab sleep 5

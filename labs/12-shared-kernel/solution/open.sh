# The same kind of container without the filter.
rlab run --rm --network none --security-opt seccomp=unconfined -h {{host}} lab sleep 5

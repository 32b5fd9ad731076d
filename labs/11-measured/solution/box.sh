# A container that may use the time of one processor.
rlab run --rm --network none --cpus 1 -h {{host}} lab sleep 5

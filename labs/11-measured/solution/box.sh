# A container that may use the time of one processor.
rlab run --rm --cpus 1 -h {{host}} lab sleep 5

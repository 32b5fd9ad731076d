rlab run --rm --network none --hostname {{box}} --privileged \
    lab sleep 20

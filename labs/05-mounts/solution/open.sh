rlab run --rm --network none --hostname {{box}} --privileged \
    lab sh -c 'echo ready; sleep 20'

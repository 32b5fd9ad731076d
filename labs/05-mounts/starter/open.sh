# TODO: one flag more, so that nothing of /proc is covered.
rlab run --rm --network none --hostname {{box}} \
    lab sleep 20

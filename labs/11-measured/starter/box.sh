# A container that may use the time of one processor.
# TODO: give it that limit, and the name {{host}}.
rlab run --rm --network none lab sleep 5

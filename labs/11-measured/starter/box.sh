# A container that may use the time of one processor.
# TODO: give it that limit, and the name {{host}}.
rlab run --rm lab sleep 5

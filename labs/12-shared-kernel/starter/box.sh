# A container called {{host}} whose program is easy to find: sleep {{nap}}.
# TODO: name and program.
rlab run --rm --network none lab sleep 5

# The same program as in the machine, in a container with the same name.
# TODO: give it the name, and let it write its trace into box.jsonl.
rlab run --rm lab sh -c 'hostname; ps'

# The same program as in the machine, in a container with the same name.
rlab run --rm --trace-out box.jsonl -h {{host}} lab sh -c 'hostname; ps'

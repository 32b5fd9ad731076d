rlab run --rm --trace-out machine.jsonl -h {{host}} lab sh -c 'hostname; ps' > inside.txt

rlab vm run --trace-out machine.jsonl -h {{host}} -m {{memory}}m lab sh -c 'hostname; ps' > inside.txt

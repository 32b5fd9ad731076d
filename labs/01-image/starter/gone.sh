# Nothing to write here: a container that removes a file of its image, and waits to be looked at.
rlab run --rm --network none lab sh -c 'rm /etc/passwd; sleep 20'

# Root of a user namespace of its own, and a file that only root of the host may read.
chmod 600 secret
exec rlab run --rm --network none -v "$PWD/secret:/secret:ro" lab sh -c 'cat /secret; exec sleep 60'

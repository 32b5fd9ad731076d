# Still root. Let the filter in deny.json decide which calls are left.
exec rlab run --rm --network none lab sh -c 'uname; kill -CONT 1; echo the rest goes on; exec sleep 60'

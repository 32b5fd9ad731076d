# A container called {{host}} whose program is easy to find.
rlab run --rm --network none -h {{host}} lab sleep {{nap}}

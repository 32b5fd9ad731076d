# A container called {{host}} whose program is easy to find.
rlab run --rm -h {{host}} lab sleep {{nap}}

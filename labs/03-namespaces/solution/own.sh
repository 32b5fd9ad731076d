# Every namespace that rlab makes by default. Give the container the name {{box}}.
exec rlab run --rm --network none -h {{box}} lab sleep 60

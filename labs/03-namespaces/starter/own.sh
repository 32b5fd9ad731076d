# Every namespace that rlab makes by default. Give the container the name {{box}}.
exec rlab run --rm lab sleep 60

# Root, with CAP_{{cap}} as its only capability.
exec rlab run --rm lab sleep 60

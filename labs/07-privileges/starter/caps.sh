# Root, with CAP_{{cap}} as its only capability.
exec rlab run --rm --network none lab sleep 60

# Root, with CAP_{{cap}} as its only capability.
exec rlab run --rm --network none --cap-drop ALL --cap-add {{cap}} lab sleep 60

# Root, with CAP_{{cap}} as its only capability.
exec rlab run --rm --cap-drop ALL --cap-add {{cap}} lab sleep 60

# End with {{code}}, by a signal.
exec rlab run --rm --network none --init lab sh -c "kill -$(({{code}} - 128)) \$\$"

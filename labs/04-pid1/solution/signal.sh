# End with {{code}}, by a signal.
exec rlab run --rm --init lab sh -c "kill -$(({{code}} - 128)) \$\$"

# Let exactly {{children}} of these children be forked.
exec rlab run --rm --network none --pids-limit $(({{children}} + 1)) lab forks 200

# Let exactly {{children}} of these children be forked.
exec rlab run --rm lab forks 200

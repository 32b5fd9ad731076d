# Let exactly {{children}} of these children be forked.
exec rlab run --rm --network none lab forks 200

# Leave out the network namespace, and let the server listen on port {{port}}.
exec rlab run --rm --network host lab httpd -p {{port}}

# Leave out the network namespace, and let the server listen on port {{port}}.
exec rlab run --rm lab httpd

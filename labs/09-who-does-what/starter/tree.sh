#!/bin/sh
# A web server: host name {{host}}, {{memory}} bytes of memory, port {{port}} of the host published as port 80.
set -eu
exec rlab run --rm lab httpd -p 80 {{host}}

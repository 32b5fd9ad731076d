#!/bin/sh
# The same by rlab: the host's port {{port}} leads to port 80 of a container whose web server says {{word}}.
set -eu
exec rlab run --rm -p {{port}}:80 lab httpd {{word}}

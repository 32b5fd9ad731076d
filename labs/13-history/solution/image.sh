#!/bin/sh
# This way: the same web server from an image. It says {{word}}, the host's port {{newport}} leads to its port 80, and its
# files can't be changed while it runs.
set -eu
exec rlab run --rm --read-only -p {{newport}}:80 lab httpd {{word}}

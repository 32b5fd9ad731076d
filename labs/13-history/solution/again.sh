#!/bin/sh
# Nothing to write here. converge.sh is run twice on a new server.
set -eu
server=$PWD/again-server.$$
trap 'rm -rf "$server"' EXIT
trap 'exit 143' TERM INT HUP
mkdir -p "$server/etc"
echo 'root:x:0:0:root:/root:/bin/sh' >"$server/etc/passwd"
echo "first: $(sh converge.sh "$server")"
echo "second: $(sh converge.sh "$server")"
cat "$server/etc/httpd.conf" "$server/etc/passwd"

#!/bin/sh
# Nothing to write here. The runbook is followed twice on one server; then the lines of etc/passwd are counted.
set -eu
server=$PWD/twice-server.$$
trap 'rm -rf "$server"' EXIT
trap 'exit 143' TERM INT HUP
mkdir -p "$server/etc"
echo 'root:x:0:0:root:/root:/bin/sh' >"$server/etc/passwd"
sh runbook.sh "$server"
sh runbook.sh "$server"
wc -l <"$server/etc/passwd"

#!/bin/sh
# Nothing to write here. A server is set up, somebody changes it by hand, and converge.sh is run again.
set -eu
server=$PWD/drift-server.$$
trap 'rm -rf "$server"' EXIT
trap 'exit 143' TERM INT HUP
sh converge.sh "$server" >/dev/null
# Drift: one change of what converge.sh describes, and two of what it knows nothing about.
sed -i 's/^port .*/port 9999/' "$server/etc/httpd.conf"
echo 'workers 4' >>"$server/etc/httpd.conf"
mkdir -p "$server/etc/cron.d"
echo '0 3 * * * root /root/quick-fix.sh' >"$server/etc/cron.d/quick-fix"
sh converge.sh "$server"
cat "$server/etc/httpd.conf"
if [ -e "$server/etc/cron.d/quick-fix" ]; then echo 'quick-fix: there'; else echo 'quick-fix: gone'; fi

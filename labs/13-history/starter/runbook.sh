#!/bin/sh
# Nothing to write here. RUNBOOK.md, followed to the letter: sh runbook.sh SERVER
set -eu
server=$1
mkdir -p "$server/etc" "$server/srv"
echo 'port {{port}}' >>"$server/etc/httpd.conf"
echo 'greeting {{word}}' >>"$server/etc/httpd.conf"
echo 'www:x:{{uid}}:{{uid}}::/srv:/bin/false' >>"$server/etc/passwd"

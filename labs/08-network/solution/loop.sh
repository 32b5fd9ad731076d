#!/bin/sh
# Nothing to write here. A server on the host, and a container that asks 127.0.0.1 for it: does it answer?
set -eu
tools=$PWD/loop-tools.$$
server=
clean() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$tools"
}
trap clean EXIT
trap 'exit 143' TERM INT HUP
mkdir -p "$tools"
ln -sf "$(command -v rlab)" "$tools/httpd"
"$tools/httpd" -p {{hostport}} {{word}} on the host >"$tools/log" &
server=$!
until [ -s "$tools/log" ]; do
    kill -0 "$server" 2>/dev/null || exit 1
    sleep 0.02
done
rlab run --rm lab get http://127.0.0.1:{{hostport}}/ || echo "no answer"

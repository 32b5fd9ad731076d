#!/bin/sh
# Nothing to write here. The old way: the server of converge.sh, as a process of the host.
set -eu
server=$PWD/serve-server
httpd=
clean() {
    [ -z "$httpd" ] || kill "$httpd" 2>/dev/null || true
    rm -rf "$server"
}
# Of two at a time, the second would take the first one's files away.
if [ -s "$server/pid" ] && kill -0 "$(cat "$server/pid")" 2>/dev/null; then
    echo "serve.sh runs already: end it with Ctrl-C first" >&2
    exit 1
fi
trap clean EXIT
trap 'exit 143' TERM INT HUP
rm -rf "$server" # left by one that could not tidy up
mkdir "$server"
echo $$ >"$server/pid"
sh converge.sh "$server" >/dev/null
port=$(sed -n 's/^port //p' "$server/etc/httpd.conf")
greeting=$(sed -n 's/^greeting //p' "$server/etc/httpd.conf")
# rlab is also the small tools of the lab image, when it is called by their names.
mkdir -p "$server/bin"
ln -sf "$(command -v rlab)" "$server/bin/httpd"
ln -sf "$(command -v rlab)" "$server/bin/get"
"$server/bin/httpd" -p "$port" "$greeting" >"$server/log" &
httpd=$!
until [ -s "$server/log" ]; do
    kill -0 "$httpd" 2>/dev/null || exit 1
    sleep 0.02
done
echo ready
wait

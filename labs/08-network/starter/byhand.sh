#!/bin/sh
# A network by hand. Three network namespaces, so that nothing of this machine's own network is touched:
#   {{lan}}-world   stands for the internet: 198.51.100.2
#   {{lan}}-host    stands for the host:     198.51.100.1 to the world, a bridge to the box
#   {{lan}}-box     is the container's
set -eu
world={{lan}}-world
host={{lan}}-host
box={{lan}}-box
tools=$PWD/tools
servers=

# Everything goes, however the script ends. The links, addresses, routes and rules go with their namespaces.
clean() {
    for server in $servers; do kill "$server" 2>/dev/null || true; done
    for name in $box $host $world; do ip netns del $name 2>/dev/null || true; done
    rm -rf "$tools"
}
# Of two at a time, the second would take the first one's namespaces away.
if [ -s "$tools/pid" ] && kill -0 "$(cat "$tools/pid")" 2>/dev/null; then
    echo "byhand.sh runs already: end it with Ctrl-C first" >&2
    exit 1
fi
trap clean EXIT
trap 'exit 143' TERM INT HUP
clean # what is there now was left by one that could not tidy up

# rlab is also the small tools of the lab image, when it is called by their names.
mkdir -p "$tools"
echo $$ >"$tools/pid"
ln -sf "$(command -v rlab)" "$tools/httpd"
ln -sf "$(command -v rlab)" "$tools/get"

# The world and the host's way to it. The world has no route to the box: 10.{{net}}.0.0/24 is nobody there.
for name in $world $host $box; do ip netns add $name; done
ip link add up0 netns $host type veth peer name eth0 netns $world
ip -n $world addr add 198.51.100.2/24 dev eth0
ip -n $world link set eth0 up
ip -n $host addr add 198.51.100.1/24 dev up0
ip -n $host link set up0 up
ip netns exec $host sysctl -q -w net.ipv4.ip_forward=1

# 1. A bridge br-{{lan}} in $host, with the address 10.{{net}}.0.1/24, up.

# 2. A veth pair: ve-{{lan}} in $host, eth0 in $box. ve-{{lan}} is plugged into the bridge, and up.

# 3. In $box: lo up, and eth0 up with the address 10.{{net}}.0.2/24.

# 4. In $box: the default route, through the bridge's address.

# 5. In $host: an nft table `ip {{lan}}`, and in it masquerading for what leaves by up0.

# 6. In the same table: the host's port {{port}} leads to port 80 of the box.

# A server in the world and one in the box. The script says `ready` when both listen.
ip netns exec $world "$tools/httpd" -p 80 the world >"$tools/world.log" &
servers="$servers $!"
ip netns exec $box "$tools/httpd" -p 80 {{word}} in the box >"$tools/box.log" &
in_box=$!
servers="$servers $in_box"
until [ -s "$tools/world.log" ] && [ -s "$tools/box.log" ]; do
    for server in $servers; do kill -0 "$server" 2>/dev/null || exit 1; done
    sleep 0.02
done
echo ready
wait "$in_box"

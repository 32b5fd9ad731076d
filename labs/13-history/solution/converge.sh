#!/bin/sh
# Brings a server into the wanted state, whatever state it is in: sh converge.sh SERVER
# It says at the end how many things it had to change.
set -eu
server=$1
changed=0

# Makes sure that there is the directory $1.
folder() {
    if [ ! -d "$1" ]; then
        mkdir -p "$1"
        changed=$((changed + 1))
    fi
}

# Makes sure that the file $1 has the line $2, once.
line() {
    if ! grep -qxF "$2" "$1" 2>/dev/null; then
        echo "$2" >>"$1"
        changed=$((changed + 1))
    fi
}

# Makes sure that the file $1 gives the key $2 the value $3, and no other. Lines with other keys stay as they are.
setting() {
    touch "$1"
    if [ "$(grep "^$2 " "$1")" != "$2 $3" ]; then
        grep -v "^$2 " "$1" >"$1.new" || true
        echo "$2 $3" >>"$1.new"
        mv "$1.new" "$1"
        changed=$((changed + 1))
    fi
}

# The wanted state.
folder "$server/etc"
folder "$server/srv"
setting "$server/etc/httpd.conf" port {{port}}
setting "$server/etc/httpd.conf" greeting {{word}}
line "$server/etc/passwd" 'www:x:{{uid}}:{{uid}}::/srv:/bin/false'

echo "changed=$changed"

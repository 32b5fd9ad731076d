# Nothing to change here: a prediction is about this script. The program's file belongs to root and has the
# set-user-ID bit (4 in 4755).
if findmnt -n -o OPTIONS -T . | grep -qw nosuid; then
    echo 'This folder is on a filesystem mounted with nosuid, where the bit has no effect: give the lab another one, --dir DIR.' >&2
    exit 1
fi
install -m 4755 "$(command -v sleep)" suid-sleep
trap 'rm -f suid-sleep' EXIT
trap 'exit 143' TERM

rlab run --rm --network none -u {{uid}} -v "$PWD/suid-sleep:/bin/suid-sleep:ro" lab suid-sleep 60

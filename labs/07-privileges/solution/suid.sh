# Nothing to change here: a prediction is about this script. The program's file belongs to root and has the
# set-user-ID bit (4 in 4755).
install -m 4755 "$(command -v sleep)" suid-sleep
trap 'rm -f suid-sleep' EXIT
trap 'exit 143' TERM

rlab run --rm --network none -u {{uid}} -v "$PWD/suid-sleep:/bin/suid-sleep:ro" lab suid-sleep 60

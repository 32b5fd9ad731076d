# The same as suid.sh. One flag is missing, by which the bit has no effect.
install -m 4755 "$(command -v sleep)" nnp-sleep
trap 'rm -f nnp-sleep' EXIT
trap 'exit 143' TERM

rlab run --rm --network none -u {{uid}} -v "$PWD/nnp-sleep:/bin/nnp-sleep:ro" lab nnp-sleep 60

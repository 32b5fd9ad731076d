# Nothing to write here: what the check runs. unpack.sh must refuse this one.
trap 'rm -rf tree-damaged' EXIT
sh unpack.sh image-damaged tree-damaged

# Nothing to write here: what the check runs. unpack.sh must refuse this one, too.
trap 'rm -rf tree-swapped' EXIT
sh unpack.sh image-swapped tree-swapped

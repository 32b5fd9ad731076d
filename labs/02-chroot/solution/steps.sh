sh -eu tree.sh

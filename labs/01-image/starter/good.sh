# Nothing to write here: what the check runs.
sh unpack.sh image tree

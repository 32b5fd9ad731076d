# TODO: the same host name {{box}}, and the way into the tree that rlab takes when nothing is asked for.
sh box.sh

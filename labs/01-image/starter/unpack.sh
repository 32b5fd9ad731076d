# Unpacks an image by hand: sh unpack.sh IMAGE TREE
set -eu
image=$1
tree=$2
rm -rf "$tree"
mkdir -p "$tree"

sh layers.sh "$image" | while read -r digest diff_id; do
    blob=$image/blobs/sha256/$digest
    # TODO 1: end with an error (exit 1) when the SHA-256 of the blob is not $digest.
    # TODO 2: end with an error when the SHA-256 of what is inside, uncompressed, is not $diff_id.
    # TODO 3: a layer's marks hide what lower layers have put into the tree, never what it brings itself:
    #         DIR/.wh.NAME hides DIR/NAME; DIR/.wh..wh..opq hides all that DIR holds. The marks are no files of the tree.
    tar -xzf "$blob" -C "$tree"
done

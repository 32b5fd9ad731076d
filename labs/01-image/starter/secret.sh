# Somebody put a key into srv/key, and took it out again in the last layer. Which layer still has it?
# Prints the number of the layer, counted from 1, a blank, and the key.
n=0
sh layers.sh image | while read -r digest diff_id; do
    n=$((n + 1))
    blob=image/blobs/sha256/$digest
    # TODO: `tar -xzOf ARCHIVE ./PATH` prints one file of an archive.
done

# Unpacks an image by hand: sh unpack.sh IMAGE TREE
set -eu
image=$1
tree=$2
rm -rf "$tree"
mkdir -p "$tree"

sh layers.sh "$image" | while read -r digest diff_id; do
    blob=$image/blobs/sha256/$digest
    if [ "$(sha256sum < "$blob" | cut -c 1-64)" != "$digest" ]; then
        echo "$digest: the blob is damaged" >&2
        exit 1
    fi
    if [ "$(gzip -dc "$blob" | sha256sum | cut -c 1-64)" != "$diff_id" ]; then
        echo "$digest: not the layer that the config promises" >&2
        exit 1
    fi
    tar -tzf "$blob" | while read -r path; do
        dir=$tree/$(dirname "$path")
        name=$(basename "$path")
        case $name in
        .wh..wh..opq) if [ -d "$dir" ]; then find "$dir" -mindepth 1 -delete; fi ;;
        .wh.*) rm -rf "$dir/${name#.wh.}" ;;
        esac
    done
    tar -xzf "$blob" -C "$tree" --exclude='.wh.*'
done

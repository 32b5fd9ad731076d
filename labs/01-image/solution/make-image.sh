# Nothing to write here. Makes three images in the OCI layout, a folder each:
#   image/          three layers: files, and marks for files that a layer hides
#   image-damaged/  the same, but the bytes of one blob are not those that its name promises
#   image-swapped/  a layer was exchanged; all blobs are what their names promise, but the config promises another layer
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf image image-damaged image-swapped

# add LAYER PATH TEXT: one file of a layer
add() {
    mkdir -p "$work/$1/$(dirname "$2")"
    printf '%s\n' "$3" > "$work/$1/$2"
}

add 1 etc/motd "{{box}}, layer 1"
add 1 app/server.conf "name={{box}}"
add 1 cache/one "made by layer 1"
add 1 cache/two "made by layer 1"
add 2 etc/motd "{{box}}, layer 2"
add 2 app/{{keep}} "added by layer 2"
add 3 etc/motd "{{box}}, layer 3"
add 3 cache/{{fresh}} "added by layer 3"
add {{where}} srv/key "{{key}}"
mkdir -p "$work/1/srv"
yes "{{box}}" | head -c $(({{ballast}} * 1024)) > "$work/1/srv/ballast"

add 2 srv/.wh.ballast ""
add 3 srv/.wh.key ""
add 3 cache/.wh..wh..opq ""
: > "$work/2/srv/.wh.ballast"
: > "$work/3/srv/.wh.key"
: > "$work/3/cache/.wh..wh..opq"

# The same bytes on each run: sorted names, no times, no owners, no name in gzip's header.
pack() {
    tar -C "$work/$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - .
}
sum() {
    sha256sum | cut -d ' ' -f 1
}
# put IMAGE FILE: a blob is named by the digest of its bytes
put() {
    digest=$(sum < "$2")
    mkdir -p "$1/blobs/sha256"
    cp "$2" "$1/blobs/sha256/$digest"
    echo "$digest"
}
# descriptor TYPE DIGEST IMAGE: how one document names another
descriptor() {
    printf '{"mediaType": "application/vnd.oci.image.%s", "digest": "sha256:%s", "size": %s}' \
        "$1" "$2" "$(wc -c < "$3/blobs/sha256/$2" | tr -d ' ')"
}
# finish IMAGE: config, manifest and index around the blobs $l1 $l2 $l3, whose contents are $d1 $d2 $d3
finish() {
    cat > "$work/config" <<END
{
  "architecture": "amd64",
  "os": "linux",
  "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
  "rootfs": {
    "type": "layers",
    "diff_ids": [
      "sha256:$d1",
      "sha256:$d2",
      "sha256:$d3"
    ]
  }
}
END
    config=$(put "$1" "$work/config")
    cat > "$work/manifest" <<END
{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "config": $(descriptor config.v1+json "$config" "$1"),
  "layers": [
    $(descriptor layer.v1.tar+gzip "$l1" "$1"),
    $(descriptor layer.v1.tar+gzip "$l2" "$1"),
    $(descriptor layer.v1.tar+gzip "$l3" "$1")
  ]
}
END
    manifest=$(put "$1" "$work/manifest")
    cat > "$1/index.json" <<END
{
  "schemaVersion": 2,
  "manifests": [
    $(descriptor manifest.v1+json "$manifest" "$1")
  ]
}
END
    echo '{"imageLayoutVersion": "1.0.0"}' > "$1/oci-layout"
}

for n in 1 2 3; do
    pack $n > "$work/$n.tar"
    gzip -9 -n -c "$work/$n.tar" > "$work/$n.gz"
    eval "d$n=$(sum < "$work/$n.tar")"
    eval "l$n=$(put image "$work/$n.gz")"
done
finish image

# The bytes of layer 2's blob are others: the same archive, less thoroughly compressed.
cp -R image image-damaged
gzip -1 -n -c "$work/2.tar" > "image-damaged/blobs/sha256/$l2"

# Somebody adds a file to layer 2.
add 2 app/uninvited "not by the author"
pack 2 | gzip -9 -n > "$work/other.gz"
cp -R image image-swapped
l2=$(put image-swapped "$work/other.gz")
finish image-swapped

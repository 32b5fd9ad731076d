# Nothing to write here. The layers of an image, lowest first, a line each: sh layers.sh IMAGE
# First comes the digest of the blob (from the manifest), then the diffID (from the config).
set -eu
blobs=$1/blobs/sha256
digests() {
    grep -o 'sha256:[0-9a-f]*' | cut -d : -f 2
}
manifest=$(digests < "$1/index.json")
config=$(grep '"config"' "$blobs/$manifest" | digests)
sed -n '/"diff_ids"/,/]/p' "$blobs/$config" | digests | {
    sed -n '/"layers"/,/]/p' "$blobs/$manifest" | digests | while read -r digest; do
        read -r diff_id <&3
        echo "$digest $diff_id"
    done
} 3<&0

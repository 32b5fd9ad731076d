# A container with a volume and a filesystem in memory.
# TODO: flags for rlab: the host name {{box}}; its tree read-only; the directory {{vol}} of this folder at /{{vol}}, read-only; a
#       tmpfs at /scratch with room for {{size}} MiB.
mkdir -p {{vol}}
rlab run --rm --network none \
    lab sleep 20

# A container with a volume and a filesystem in memory.
mkdir -p {{vol}}
rlab run --rm --network none \
    --hostname {{box}} \
    --read-only \
    -v "$PWD/{{vol}}:/{{vol}}:ro" \
    --tmpfs /scratch:size={{size}}m \
    lab sleep 20

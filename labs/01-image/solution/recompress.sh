# Nothing to write here. The first layer is compressed anew, less thoroughly: which of its two names is still the same?
sh layers.sh image | {
    read -r digest diff_id
    blob=image/blobs/sha256/$digest
    again=$(gzip -dc "$blob" | gzip -1 -n | sha256sum | cut -c 1-64)
    inside=$(gzip -dc "$blob" | gzip -1 -n | gzip -dc | sha256sum | cut -c 1-64)
    case $([ "$again" = "$digest" ] && echo digest) in
    digest) if [ "$inside" = "$diff_id" ]; then echo both; else echo digest; fi ;;
    *) if [ "$inside" = "$diff_id" ]; then echo diff_id; else echo neither; fi ;;
    esac
}

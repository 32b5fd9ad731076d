# The host makes a piece of System V shared memory, {{bytes}} bytes. Leave out the IPC namespace, so that the
# container sees it.
made=$(ipcmk -M {{bytes}})
segment=${made##* }
trap 'ipcrm -m "$segment"' EXIT
trap 'exit 143' TERM

rlab run --rm --network none --ipc host lab sleep 60

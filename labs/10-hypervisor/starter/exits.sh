# Runs the smallest machine there is, and prints how often the guest gave the
# processor back to the hypervisor.
rlab vm hello --trace-out hello.jsonl >/dev/null
# TODO: count the returns in hello.jsonl. A line is an event.
echo 0

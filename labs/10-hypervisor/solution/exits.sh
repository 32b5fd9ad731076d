# Runs the smallest machine there is, and prints how often the guest gave the
# processor back to the hypervisor.
rlab vm hello --trace-out hello.jsonl >/dev/null
grep -c '"op":"KVM_RUN"' hello.jsonl

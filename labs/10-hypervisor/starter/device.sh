# Plays the serial port of the smallest machine: prints what the guest wrote to
# it, from the exits in the trace. (What rlab itself printed is thrown away.)
rlab vm hello --trace-out device.jsonl >/dev/null
# TODO: at each exit by a write, the letter is in register al.
grep KVM_EXIT_IO device.jsonl

rlab vm run --trace-out guest.jsonl -h {{host}} -m {{memory}}m lab sh -c 'cat /proc/sys/kernel/random/boot_id; write /dev/kmsg guest-{{word}}; dmesg 2000' > guest.txt

# What a student reads in the story and writes down.
allowed=$(rlab run --rm --explain lab true 2>&1 | sed -n 's/.*instructions: \([0-9]*\) calls pass.*/\1/p')
sed -i "s/@allowed@/$allowed/" answers.toml

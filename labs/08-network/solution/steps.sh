rlab run --rm --hostname {{word}} --network none --trace-out none.jsonl lab ip
rlab run --rm --hostname {{word}} --network bridge --trace-out bridge.jsonl lab ip
us() { grep '"stage":"network","kind":"leave"' "$1" | sed 's/.*"dur_ns":\([0-9]*\).*/\1/' | awk '{ printf "%d", $1 / 1000 }'; }
calls() { grep -c '"stage":"network","kind":"call"' "$1"; }
nft_runs=$(grep '"stage":"network"' bridge.jsonl | grep '"call":"execve"' | grep -c '"argv":\["nft"')
sed -i \
    -e "s/^none_us = .*/none_us = \"$(us none.jsonl)\"/" \
    -e "s/^bridge_us = .*/bridge_us = \"$(us bridge.jsonl)\"/" \
    -e "s/^none_calls = .*/none_calls = \"$(calls none.jsonl)\"/" \
    -e "s/^bridge_calls = .*/bridge_calls = \"$(calls bridge.jsonl)\"/" \
    -e "s/^nft_runs = .*/nft_runs = \"$nft_runs\"/" answers.toml

rlab compare --format json -n 1 --instances 1 -m {{memory}}m lab echo {{word}} > table.json
rlab vm run --trace-out guest.jsonl --cpus {{cpus}} -h {{host}} lab sh -c 'nproc; cat /proc/cpuinfo' > guest.txt

# What a student reads from the table and writes down by hand.
read_from() {
    sed -n "/\"id\": \"start_warm\"/,/\"id\": \"whole_warm\"/p" table.json |
        sed -n "/\"$1\": \[/{n;s/[^0-9.]//g;p;q}"
}
below_machine() {
    sed -n '/^  "machine": {/,/^  }/p' table.json | sed -n "s/^    \"$1\": \"\(.*\)\",\{0,1\}\$/\1/p"
}
sed -i -e "s/@container@/$(read_from container)/" -e "s/@machine@/$(read_from machine)/" \
    -e "s/@accelerator@/$(below_machine accelerator)/" -e "s/@kernel@/$(below_machine kernel)/" answers.toml

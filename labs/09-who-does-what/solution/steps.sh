# The server of tree.sh, this time with its trace, and its config.json copied while it runs.
rlab run --rm --hostname {{host}} -m {{memory}} -p {{port}}:80 --trace-out copied.jsonl lab httpd -p 80 {{host}} >copied.out 2>&1 &
rlab=$!
until grep -qs listens copied.out; do kill -0 "$rlab"; sleep 0.05; done
cp "$(sed -n 's/.*"work":"bundle".*"path":"\([^"]*\)".*/\1/p' copied.jsonl)" config.json
kill -TERM "$rlab"
wait "$rlab" || true
rm -f copied.out copied.jsonl

# Which stage fails when the call is refused.
rlab run --rm --hostname {{host}} --inject {{call}}=EPERM --trace-out failed.jsonl lab id 2>/dev/null || true
stage=$(sed -n 's/.*"stage":"\([a-z_]*\)".*"failed":true.*/\1/p' failed.jsonl)
sed -i "s/^failed_stage = .*/failed_stage = \"$stage\"/" answers.toml
rm -f failed.jsonl

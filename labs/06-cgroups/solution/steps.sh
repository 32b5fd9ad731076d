# What a student sees in /proc/self/cgroup: v1 names its controllers there, v2 does not.
if grep -q :memory: /proc/self/cgroup; then layout=v1; else layout=v2; fi
sed -i "s/LAYOUT/$layout/" answers.toml

# Nothing to write here: a PID namespace of its own, and /proc as it was. Whose process is number 1 in there?
# Field 22 of stat is the time at which a process started: see proc(5).
host=$(sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20)
export host
unshare --pid --fork --kill-child --mount sh -eu -c '
    if [ "$(sed "s/.*) //" /proc/1/stat | cut -d " " -f 20)" = "$host" ]; then echo host; else echo own; fi
'

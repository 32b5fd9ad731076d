# Nothing to change here: the prediction `proc` is about this script.
# A new PID namespace and nothing else. Inside, sh looks for this script's process by the number it has on the host.
outside=$$
export outside
exec unshare --fork --pid --kill-child sh -c 'if [ -d /proc/$outside ]; then echo host; else echo own; fi'

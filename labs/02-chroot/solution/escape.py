# Goes into a root directory of its own, if one is named, and then tries to get out of it.
import os
import sys
import time


def escape():
    os.makedirs("/tmp/door", exist_ok=True)
    os.chroot("/tmp/door")
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")


if len(sys.argv) > 1:
    if not os.path.isdir(sys.argv[1]):
        raise SystemExit(f"there is no {sys.argv[1]} yet: run sh -eu tree.sh")
    os.chroot(sys.argv[1])
    os.chdir("/")
    print("inside:", open("/etc/motd").read().strip())
try:
    escape()
except OSError as error:
    print("refused:", error)
print("/ holds", " ".join(sorted(os.listdir("/"))))
print("ready", flush=True)
time.sleep(20)

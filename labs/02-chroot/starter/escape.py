# Goes into a root directory of its own, if one is named, and then tries to get out of it.
import os
import sys
import time


def escape():
    # TODO: five lines.
    # 1. make a directory /tmp/door, and make it the root with os.chroot, without changing into it
    # 2. the working directory is now outside of the root: go up with os.chdir(".."), many times
    # 3. where you are now, make "." the root
    raise SystemExit("escape.py: escape() is not written yet")


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

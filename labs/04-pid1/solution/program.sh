# The inner shell starts {{orphans}} sleeps in the background and ends: they are orphans.
sleeps=$(yes 'sleep 0.1 &' | head -n {{orphans}} | tr '\n' ' ')
program="sh -c '$sleeps'; exec sleep 60"

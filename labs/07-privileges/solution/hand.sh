# Without rlab: put setpriv and its flags between exec and sh.
exec setpriv --reuid {{uid}} --regid {{uid}} --clear-groups --bounding-set -all --no-new-privs sh -c 'echo ready; exec sleep 60'

# Without rlab: put setpriv and its flags between exec and sh.
exec sh -c 'echo ready; exec sleep 60'

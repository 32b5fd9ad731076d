# A container of the lab image, with the host name {{box}}, which changes its tree and then waits.
rlab run --rm --network none --hostname {{box}} lab sh -c '
    rm /etc/passwd
    write /root/{{keep}} kept
    sleep 20
'

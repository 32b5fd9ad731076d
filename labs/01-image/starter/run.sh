# A container of the lab image, with the host name {{box}}, which changes its tree and then waits.
# TODO: between the quotes, before `sleep`: remove /etc/passwd, and write a file /root/{{keep}} (`write FILE TEXT`).
rlab run --rm --network none --hostname {{box}} lab sh -c '
    sleep 20
'

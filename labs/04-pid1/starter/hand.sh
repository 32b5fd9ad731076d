# Without rlab: unshare forks, and sh is process 1 of a new PID namespace. Let it leave with {{leave}} when SIGTERM comes.
exec unshare --fork --pid --kill-child sh -c '
    echo "process $$ asks itself to end"
    kill -TERM $$
    echo "process $$ is still here"
'

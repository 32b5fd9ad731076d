# Nothing to write here: root in a container reads a file that is masked, and then writes to a kernel setting, that of its
# own host name. What is printed is about the reading; the exit status is that of the writing.
status=0
text=$(rlab run --rm --network none lab sh -c '
    cat /proc/timer_list || echo refused
    write /proc/sys/kernel/hostname {{box}}
') || status=$?
# rlab itself failed, or the program could not be started: nothing was read.
if [ $status -ge 125 ]; then exit $status; fi
case $text in
refused) echo "an error" ;;
'') echo nothing ;;
*) echo "the host's timers" ;;
esac
exit $status

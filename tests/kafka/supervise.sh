#!/bin/sh
# Runs a broker for as long as the test that started it lives. Usage: supervise.sh DATA_DIR COMMAND...
#
# Standard input is a pipe whose other end only the test holds. A line `stop` ends the broker gracefully, `kill` at once;
# both keep its data, for a restart. The end of the pipe (the test is over, however it ended: kill -9 included) kills the
# broker and removes its data. So no test can leave a broker behind.
data=$1
shift
exec 3<&0
"$@" </dev/null 3<&- &
broker=$!
(
    while read -r word <&3; do
        case $word in
            stop) kill -TERM "$broker" ;;
            kill) kill -KILL "$broker" ;;
        esac
    done
    : >"$data/abandoned"
    kill -KILL "$broker"
) 2>/dev/null &
watcher=$!
# The shell would report the kill.
exec 2>/dev/null
exec 3<&-
wait "$broker"
status=$?
if [ -e "$data/abandoned" ]; then rm -rf "$data"; fi
kill "$watcher"
exit "$status"

#!/bin/busybox sh
# gdbsx.sh DOMID PORT: start gdbsx there, and say its process id once it listens.
log=/tmp/gdbsx.$2
gdbsx -a "$1" 64 "$2" >"$log" 2>&1 </dev/null &
tries=0
until grep -q Listening "$log"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 200 ] || ! kill -0 $! 2>/dev/null; then
        cat "$log" >&2
        exit 1
    fi
    usleep 20000
done
echo $!

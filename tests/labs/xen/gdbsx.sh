#!/bin/busybox sh
# gdbsx.sh DOMID PORT: start gdbsx there, and say its process id once it listens. It says so itself, but into a buffer.
log=/tmp/gdbsx.$2
gdbsx -a "$1" 64 "$2" >"$log" 2>&1 </dev/null &
listening="$(printf ':%04X 00000000:0000 0A' "$2")"
tries=0
until grep -q "$listening" /proc/net/tcp; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 $! 2>/dev/null; then
        cat "$log" >&2
        exit 1
    fi
    usleep 20000
done
echo $!

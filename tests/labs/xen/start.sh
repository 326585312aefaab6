#!/bin/busybox sh
# What makes a Linux under Xen a dom0: the store, the consoles, and the server of commands for whoever is outside.
# `xl create` waits for the console of a new domain, so xenconsoled has to be there.
set -e
export PATH=/bin:/usr/sbin:/usr/bin:/usr/lib/xen-4.17/bin
mkdir -p /dev/pts /run/xen /run/xenstored /run/lock /var/lock /var/log/xen/console /var/lib/xen /var/lib/xenstored /etc/xen
ln -sfn /run /var/run
mount -t devpts devpts /dev/pts
mount -t xenfs xenfs /proc/xen
echo 'autoballoon="off"' >/etc/xen/xl.conf
command_server "$1" >/dev/null 2>&1 &
xenstored --pid-file /run/xenstored.pid
tries=0
until xenstore-read / >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ]
    usleep 50000
done
xen-init-dom0
xenconsoled --log=guest --log-dir=/var/log/xen/console --pid-file=/run/xenconsoled.pid

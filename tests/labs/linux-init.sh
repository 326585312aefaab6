#!/bin/busybox sh
# The first program of Linux in a lab: load the modules, bring the network up, and hand the second serial line over.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do
    insmod "/lib/modules/$module.ko" || echo "LAB-FAILED insmod $module"
done </modules
ifconfig lo 127.0.0.1 up
[ -e /sys/class/net/eth0 ] && ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
exec </dev/ttyS1 >/dev/ttyS1 2>&1
stty raw -echo
echo LAB-READY
while read -r line; do
    eval "$line"
done

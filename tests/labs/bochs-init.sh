#!/bin/busybox sh
# The first program of Linux in Bochs: load the modules, keep the stub's line open, and take commands on the console.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do
    echo "loading $module"
    insmod "/lib/modules/$module.ko" || echo "LAB-FAILED insmod $module"
done </modules
exec 3<>/dev/ttyS1
stty raw -echo <&3
exec </dev/ttyS0 >/dev/ttyS0 2>&1
stty raw -echo
dmesg -n 1
echo LAB-READY
while read -r line; do
    eval "$line"
done

#!/bin/bash
# PID 1 of one member: mounts what is its own, runs incusd, reaps orphans.
# TB_NAME, TB_DIR, TB_INCUSD and TB_V1 (controllers of cgroup version 1; empty: version 2) are given.
mount --make-rprivate /
[ ! -d "$TB_DIR/lower" ] || exec bash "${0%/*}/../debian/boot.sh"
mount -t proc proc /proc
mount -t sysfs sysfs /sys
if [ -n "$TB_V1" ]; then
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    for each in $TB_V1; do
        mkdir "/sys/fs/cgroup/$each"
        how=$each
        [ "$each" != systemd ] || how=none,name=systemd
        mount -t cgroup -o "$how" cgroup "/sys/fs/cgroup/$each"
    done
    mkdir /sys/fs/cgroup/unified
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/lxc
echo "$TB_NAME" >/proc/sys/kernel/hostname
echo "nameserver 127.0.0.1" >/run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf
ulimit -n 1048576 2>/dev/null
ulimit -l unlimited 2>/dev/null
export INCUS_DIR="$TB_DIR/incus" PATH=/usr/libexec/incus:/usr/sbin:/usr/bin:/sbin:/bin
cd "$TB_DIR" || exit 1
start() {
    setsid "$TB_INCUSD" --group root --logfile "$TB_DIR/incusd.log" >>"$TB_DIR/incusd.out" 2>&1 </dev/null &
    echo $! >/run/incusd.pid
}
[ ! -e "$TB_DIR/ovn.sh" ] || bash "$TB_DIR/ovn.sh"
[ ! -e "$TB_DIR/metal.sh" ] || . "$TB_DIR/metal.sh"
trap start USR1
trap 'exit 0' TERM
start
while :; do
    sleep 3600 &
    wait $!
done

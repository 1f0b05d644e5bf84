#!/bin/bash
# Makes what is below TB_DIR the whole of this machine, and has its own systemd be PID 1.
# TB_DIR/lower is where Debian is; what the machine writes stays in TB_DIR/upper.
set -e
root=$TB_DIR/root
mount -t overlay overlay -o "lowerdir=$TB_DIR/lower,upperdir=$TB_DIR/upper,workdir=$TB_DIR/work" "$root"
mount --bind "$TB_DIR/source" "$root/opt/muster/src"
mount -o remount,bind,ro "$root/opt/muster/src"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
# Version 2 alone, as systemd has it; where the machine's controllers are of version 1 there are none.
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for each in null zero full random urandom tty kmsg fuse; do
    [ -e "/dev/$each" ] || continue
    touch "dev/$each"
    mount --bind "/dev/$each" "dev/$each"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for each in stdin:0 stdout:1 stderr:2; do ln -s "/proc/self/fd/${each#*:}" "dev/${each%:*}"; done
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
echo "$TB_NAME" >/proc/sys/kernel/hostname
pivot_root . mnt
cd /
umount -l /mnt
exec env -i container=muster-testbed PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    /sbin/init --log-target=console --log-level=notice --show-status=no

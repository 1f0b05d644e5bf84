#!/bin/bash
# make.sh SUITE PACKAGES UPSTREAM MIRROR SOURCE TARGET: writes Debian with Muster to TARGET.
# Made in memory and in namespaces of its own, so that nothing is left of it however it ends.
set -e
suite=$1 packages=$2 upstream=$3 mirror=$4 source=$5 target=$6
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /mnt
made=/mnt/root
debootstrap --variant=minbase "--include=$packages" "$suite" $made "$upstream"

mkdir -p $made/opt/muster
(cd "$source" && cp -a README.md LICENSE pyproject.toml requirements scripts src $made/opt/muster)
cp /etc/resolv.conf $made/etc/resolv.conf
cp /etc/ssl/certs/ca-certificates.crt /mnt/authorities.crt
mount --bind /mnt/authorities.crt $made/etc/ssl/certs/ca-certificates.crt
mount -t proc proc $made/proc
mount --rbind /dev $made/dev
believed=/etc/ssl/certs/ca-certificates.crt
chroot $made env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp/home TESTS_OF="$TESTS_OF" \
    PIP_CERT=$believed SSL_CERT_FILE=$believed /opt/muster/scripts/environment run
umount -l $made/dev $made/proc $made$believed

echo "deb $mirror $suite main" >$made/etc/apt/sources.list
: >$made/etc/resolv.conf
: >$made/etc/machine-id
ln -s /opt/muster/.venv/bin/muster $made/usr/local/bin/muster
# The kernel is the tests' machine's, whose settings are nobody else's business.
ln -s /dev/null $made/etc/systemd/system/systemd-sysctl.service
rm -rf $made/tmp/home $made/var/cache/apt/archives/*.deb $made/var/lib/apt/lists/*
cp -a $made "$target"

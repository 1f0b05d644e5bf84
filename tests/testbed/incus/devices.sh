# Gives a machine of metal devices of its own: a disk behind several paths, of the name $1, and a
# card beside eth0, of the address $2; both are seen below /dev and /sys, and nothing else.
mkdir -p /run/dev /run/net
mount -t tmpfs -o mode=755 tmpfs /run/dev
for each in full fuse null random tty urandom zero; do
    [ ! -e "/dev/$each" ] || cp -a "/dev/$each" "/run/dev/$each"
done
mkdir -p /run/dev/disk/by-id
touch "/run/dev/disk/by-id/$1"
mount --bind /run/dev /dev
for each in /sys/class/net/*; do
    ln -s "$(readlink -f "$each")" "/run/net/${each##*/}"
done
rm /run/net/eth0
mkdir -p /run/net/eth0/device /run/net/card0/device
for each in /sys/class/net/eth0/*; do
    [ "${each##*/}" = address ] || ln -s "$(readlink -f "$each")" "/run/net/eth0/${each##*/}"
done
cat /sys/class/net/eth0/address >/run/net/eth0/address
echo "$2" >/run/net/card0/address
mount --bind /run/net /sys/class/net

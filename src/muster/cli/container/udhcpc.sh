#!/bin/sh
case $1 in
bound | renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/${mask:-16}" dev "$interface"
    [ -z "$router" ] || ip route replace default via "${router%% *}"
    for each in $dns; do echo "nameserver $each"; done >/etc/resolv.conf
    ;;
esac

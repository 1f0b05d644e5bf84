#!/bin/bash
# Stands in for systemctl on a machine of metal: its Incus, its power, and units of which it only
# knows whether they run. One that is named in broken/ does as nobody says, and tells why.
verb=$1
unit=${*: -1}
if [[ $unit == *.service && $unit != incus.service ]]; then
    if [ -e "$TB_DIR/broken/$unit" ] && [[ $verb != is-* ]]; then
        cat "$TB_DIR/broken/$unit" >&2
        exit 1
    fi
    mkdir -p /run/units
    case $verb in
    start | restart) touch "/run/units/$unit" ;;
    stop) rm -f "/run/units/$unit" ;;
    is-active) [ -e "/run/units/$unit" ] ;;
    enable | disable) ;;
    *) exit 5 ;;
    esac
    exit
fi
await_end() {
    for _ in $(seq 600); do
        runs || return 0
        sleep 0.05
    done
    return 1
}
runs() { [ -e /run/incusd.pid ] && kill -0 "$(cat /run/incusd.pid)" 2>/dev/null; }
case $verb in
start)
    runs || kill -USR1 1
    for _ in $(seq 600); do
        runs && exec "$TB_INCUSD" waitready --timeout=60 # as incus.service does
        sleep 0.05
    done
    exit 1
    ;;
stop)
    runs && kill "$(cat /run/incusd.pid)"
    await_end
    ;;
kill) runs && kill -KILL "$(cat /run/incusd.pid)" ;;
is-active) [ "${*: -1}" = incus.service ] && runs ;;
reboot | poweroff)
    (
        runs && kill -PWR "$(cat /run/incusd.pid)" && await_end
        echo "$verb" >"$TB_DIR/wanted"
        kill -TERM 1
    ) >/dev/null 2>&1 </dev/null &
    ;;
*) exit 5 ;;
esac

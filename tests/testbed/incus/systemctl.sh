#!/bin/bash
# Stands in for systemctl on a machine of metal: it has one unit, incus.service, and its power.
verb=$1
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

#!/bin/sh
# Burns processor time (?ms=N, about; 5 if nothing is said), then tells who answered.
ms=5
case $QUERY_STRING in ms=[0-9]*) ms=${QUERY_STRING#ms=}; ms=${ms%%[!0-9]*} ;; esac
[ "$ms" -le 10000 ] 2>/dev/null || ms=10000
left=$((ms * @ROUNDS@))
while [ $left -gt 0 ]; do left=$((left - 1)); done
read -r name version </etc/muster-image
said=$(printf '{"version": "%s", "instance": "%s", "name": "%s", "image": "%s", "burned_ms": %d}' \
    "$version" "$(cat /var/lib/seed/instance)" "$(cat /etc/hostname)" "$name" "$ms")
printf 'Content-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s\n' \
    $((${#said} + 1)) "$said"

#!/bin/bash
# Stands in for programs that a machine of metal may have: it notes what it is told, in told, and
# does nothing else, but for what others have to see. One that is named in broken/, alone or with
# a word that it is told, fails, saying what stands there; one in waiting/ takes as long as that is
# there.
name=${0##*/}
echo "$name $*" >>"$TB_DIR/told"
while [ -e "$TB_DIR/waiting/$name" ]; do sleep 0.02; done
for word in "" "$@"; do
    sign="$TB_DIR/broken/$name${word:+ $word}"
    if [ -e "$sign" ]; then
        cat "$sign" >&2
        exit 1
    fi
done
mkdir -p "$TB_DIR/packages" "$TB_DIR/sessions"
case "$name $*" in
apt-get*" install "*)
    for each in "$@"; do [[ $each == -* || $each == *::* ]] || touch "$TB_DIR/packages/$each"; done
    rm "$TB_DIR/packages/install"
    ;;
apt-get*" remove "*) for each in "$@"; do rm -f "$TB_DIR/packages/$each"; done ;;
dpkg-query*)
    /usr/bin/dpkg-query "$@" 2>/dev/null | grep '^incus'
    for each in $(ls "$TB_DIR/packages"); do echo "$each installed 1.0"; done
    ;;
iscsiadm*" --login") echo "tcp: [1] $6,1 $4" >"$TB_DIR/sessions/$4" ;;
iscsiadm*" --logout") rm -f "$TB_DIR/sessions/$4" ;;
"iscsiadm -m session") cat "$TB_DIR/sessions/"* 2>/dev/null ;;
"networkctl reload")
    for each in $(grep -ls '^Kind=bridge' /etc/systemd/network/*.netdev); do
        ip link add "$(sed -n 's/^Name=//p' "$each")" type bridge 2>/dev/null
    done
    ;;
"timedatectl set-timezone "*) echo "$2" >/etc/timezone ;;
esac
exit 0

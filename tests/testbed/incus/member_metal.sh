# Read by member.sh where the member is a machine of metal: what a machine has besides its Incus.
# TB_AGENT is the line that runs its agent, TB_SOURCE where that is imported from.
mkdir -p "$TB_DIR/lib/apt" "$TB_DIR/lib/dpkg" "$TB_DIR/etc.work"
mount --bind /var/lib/apt "$TB_DIR/lib/apt"
mount --bind /var/lib/dpkg "$TB_DIR/lib/dpkg"
mount --rbind "$TB_DIR/lib" /var/lib
mount --bind "$TB_DIR/sbin" /usr/local/sbin
mount -t overlay -o "lowerdir=/etc,upperdir=$TB_DIR/etc,workdir=$TB_DIR/etc.work" overlay /etc
mount --bind /run/resolv.conf /etc/resolv.conf
mkdir -p /run/systemd/system
unset INCUS_DIR
mend() { # what a service manager does for a daemon that ends
    for _ in $(seq 2400); do
        [ -e /var/lib/incus/server.crt ] && break
        sleep 0.05
    done
    while :; do
        PYTHONPATH="$TB_SOURCE" $TB_AGENT >>"$TB_DIR/agent.log" 2>&1 </dev/null &
        echo $! >/run/agent.pid
        wait $!
        sleep 0.2
    done
}
mend &

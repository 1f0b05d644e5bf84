#!/bin/bash
# A switch and its OVN controller on one member, with the datapath in user space.
# TB_NAME, TB_OVN (a folder), TB_CENTRAL (where OVN's databases are) and TB_TUNNEL (our end of
# the tunnels) are given.
exec </dev/null >>"$TB_OVN/$TB_NAME.out" 2>&1
mkdir -p /run/openvswitch /run/ovn
cd "$TB_OVN" || exit 1
[ -e "$TB_NAME.db" ] || ovsdb-tool create "$TB_NAME.db" /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server "$TB_NAME.db" --remote=punix:/run/openvswitch/db.sock \
    --pidfile=/run/openvswitch/ovsdb-server.pid --log-file="$TB_NAME.ovsdb.log" --detach
ovs-vsctl --no-wait init
ovs-vsctl --no-wait set Open_vSwitch . external_ids:system-id="$TB_NAME" \
    external_ids:hostname="$TB_NAME" external_ids:ovn-remote="tcp:$TB_CENTRAL:6642" \
    external_ids:ovn-encap-type=geneve external_ids:ovn-encap-ip="$TB_TUNNEL" \
    external_ids:ovn-bridge-datapath-type=netdev
# This switch may end itself (an assertion of its tracker of connections, in Debian 12's 3.1). Where
# it is a service it is started again then, and so it is here.
ovs-vswitchd unix:/run/openvswitch/db.sock --pidfile=/run/openvswitch/vswitchd.pid \
    --log-file="$TB_NAME.vswitchd.log" --detach --monitor
ovs-vsctl --timeout=20 --may-exist add-br br-phy -- set bridge br-phy datapath_type=netdev \
    -- --may-exist add-port br-phy eth2
tunnel_end() { # which comes and goes with the switch
    ip addr replace "$TB_TUNNEL/24" dev br-phy
    ip link set br-phy up
}
tunnel_end
ovn-controller unix:/run/openvswitch/db.sock --pidfile=/run/ovn/ovn-controller.pid \
    --log-file="$TB_NAME.controller.log" --detach
# Incus makes its bridge to the uplink for the kernel's datapath, which may not be there.
while sleep 0.3; do
    tunnel_end
    for each in $(ovs-vsctl --timeout=2 list-br); do
        [ "$(ovs-vsctl --timeout=2 get bridge "$each" datapath_type)" = netdev ] ||
            ovs-vsctl --timeout=2 --no-wait set bridge "$each" datapath_type=netdev
    done
done >/dev/null 2>&1 &

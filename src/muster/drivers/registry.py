"""Which kinds of cloud there are."""

from collections.abc import Mapping

from muster.drivers.incus.cloud import open_cloud as open_incus
from muster.drivers.local.cloud import open_cloud as open_local
from muster.drivers.openstack.cloud import open_cloud as open_openstack
from muster.drivers.simulated.cloud import open_cloud as open_simulated
from muster.ports.cloud import Open

DRIVERS: Mapping[str, Open] = {
    "incus": open_incus,
    "local": open_local,
    "openstack": open_openstack,
    "simulated": open_simulated,
}

BUILT_IN: Mapping[str, Mapping[str, object]] = {
    "local": {"kind": "local"},
    "simulated": {"kind": "simulated", "world": "file"},  # as real clouds do, it outlives us
}

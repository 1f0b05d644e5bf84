"""Clusters of machines of metal: what they are made of, and what holds of them and without them."""

from house import until
from metal_sites import READY_S, Site

APPLICATION = {
    "storage_pools": [{"name": "local", "driver": "dir"}],
    "networks": [
        {
            "name": "incusbr0",
            "type": "bridge",
            "config": {
                "ipv4.address": "none",
                "ipv6.address": "none",
                "bridge.external_interfaces": "eth1",
            },
        }
    ],
    "config": {"user.rack": "7"},
}
TEMPLATE = {
    "name": "rack",
    "service_config_template": """
ceph:
  enabled: @CEPH@
  clusters: {ceph: {fsid: "@FSID@", monitors: ["10.77.0.9"]}}
""",
    "application_config_template": """
config: {user.rack: "@RACK@", cluster.offline_threshold: @PATIENCE@}
storage_pools: [{name: local, driver: dir}]
networks: [{name: incusbr0, type: bridge, config: {ipv4.address: "@NET@", ipv6.address: none}}]
""",
    "variables": {
        "CEPH": {"default": True, "type": "bool"},
        "FSID": {"description": "of the Ceph cluster"},
        "RACK": {"type": "int", "min": 1},
        "NET": {"default": "none"},
        "PATIENCE": {"default": 12},
    },
}
VALUES = {"FSID": "2b1f36b6-8a6e-4b0b-9c0a-4f7f6e3a1a10", "RACK": 7}


def holds(it: Site, *names: str) -> None:
    """Hold a cluster to what it was asked to be, by what its members' own Incus say."""
    first = names[0]
    well = dict.fromkeys(names, "Online")  # by heartbeats, which are seconds apart
    until(lambda: it.members(first) == well, READY_S, lambda: f"all well: {it.members(first)}")
    for name in names:
        pool = it.incus(name, "/1.0/storage-pools/local")
        assert (pool["driver"], pool["status"], sorted(pool["locations"])) == (
            "dir",
            "Created",
            sorted(names),
        )
        network = it.incus(name, "/1.0/networks/incusbr0")
        assert (network["status"], network["config"]["ipv4.address"]) == ("Created", "none")
        config = it.incus(name, "/1.0")["config"]
        assert (config["user.rack"], config["storage.images_volume"]) == ("7", "local/images")
    devices = it.incus(first, "/1.0/profiles/default")["devices"]
    assert devices["root"]["pool"] == "local"
    assert {it.servers()[name]["cluster"] for name in names} == {"c1"}


def new(it: Site, *names: str) -> None:
    """Hold servers to be as they were before anybody made anything of them."""
    for name in names:
        about = it.incus(name, "/1.0")
        assert not about["environment"]["server_clustered"]
        assert about["config"] == {}
        assert not it.incus(name, "/1.0/storage-pools")
    assert {it.servers()[name]["cluster"] for name in names} <= {"", None}

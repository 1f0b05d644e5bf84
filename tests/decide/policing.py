"""Policies as tests write them, and what becomes of a cluster under them."""

from dataclasses import replace
from typing import Any

from builders import SIMULATED, a_cluster
from muster.model.cloud import Ability
from muster.model.policy_type import Floor, Scene

FLOOR = Floor()
SERVER = "os.nova.server-1.0"
LB = {"pool": {"subnet": "s"}, "vip": {"subnet": "s"}}
POLLED = {"type": "NODE_STATUS_POLL_URL", "options": {"poll_url": "http://h/{nodename}"}}


def health(*modes: dict[str, Any], action: str = "RECREATE", **detection: Any) -> dict[str, Any]:
    return {
        "detection": {"interval": 60, "detection_modes": list(modes)} | detection,
        "recovery": {"actions": [{"name": action}]},
    }


# One policy of each type that says something.
SAID: dict[str, dict[str, Any]] = {
    "affinity-1.0": {"servergroup": {"name": "g"}, "availability_zone": "z1"},
    "batch-1.0": {"min_in_service": 2, "max_batch_size": 3, "pause_time": 7},
    "deletion-1.0": {"criteria": "OLDEST_FIRST", "reduce_desired_capacity": False},
    "deletion-1.1": {"grace_period": 4, "hooks": {"params": {"queue": "q"}, "timeout": 9}},
    "health-1.2": health(POLLED, {"type": "NODE_STATUS_POLLING"}, action="REBOOT"),
    "loadbalance-1.3": LB,
    "region_placement-1.0": {"regions": [{"name": "simulated", "cap": 5}]},
    "scaling-1.0": {"event": "CLUSTER_SCALE_OUT"},
    "zone_placement-1.0": {"zones": [{"name": "z1"}, {"name": "z2", "weight": 50}]},
}


def scene(cannot: dict[Ability, str] | None = None, **but: Any) -> Scene:
    cloud = replace(SIMULATED, cannot=cannot or {}, **but)
    return Scene(cluster=a_cluster(), profile_type=SERVER, cloud=cloud)

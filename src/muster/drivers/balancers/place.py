"""Where a balancer's folders are, and which addresses its fronts may have."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from uuid import UUID

from muster.base.errors import Permanent
from muster.drivers.balancers.address import allocated
from muster.drivers.balancers.listener import listening
from muster.model.pool import Front
from muster.ports.cloud import CloudConfig

_LOOPBACK = "127.128.0.0/10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    home: Path
    network: IPv4Network = IPv4Network(_LOOPBACK)
    port: int = 0  # of every front; 0: the cluster's own

    @property
    def pools(self) -> Path:
        return self.home / "pools"

    def pool(self, cluster_id: UUID) -> Path:
        return self.pools / str(cluster_id)

    def lock(self, name: object) -> Path:
        return self.home / "locks" / str(name)

    def port_of(self, front: Front) -> int:
        return self.port or front.port

    def refusal(self, front: Front, address: str | None, taken: Sequence[str]) -> str | None:
        """Return why the front cannot listen at its address, or at any where it has none yet."""
        port = self.port_of(front)
        try:
            if address:
                listening(address, port, shared=False).close()
            else:
                allocated(front.cluster_id, self.network, taken, port)[1].close()
        except Permanent as error:
            return error.text
        return None


def place_of(config: CloudConfig, name: str) -> Place:
    """Return the place of the balancer of this name; its folder is there.

    Options: `balancer_range`, the addresses that fronts get, and `balancer_port`, one
    port for all of them.
    """
    place = Place(
        home=config.home / name / str(config.installation),
        network=IPv4Network(config.options.get("balancer_range", _LOOPBACK)),
        port=int(config.options.get("balancer_port", 0)),
    )
    place.pools.mkdir(parents=True, exist_ok=True)
    return place

"""What every service function needs at hand: store, clouds, clock, and the limits in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import Bug
from muster.ports.cloud import Cloud
from muster.ports.signal import Signal
from muster.ports.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    store: Store
    clouds: Mapping[str, Cloud]
    clock: Clock
    signal: Signal
    default_cloud: str
    max_cluster_size: int = 1000
    max_clusters: int = 1000  # per project
    installation: UUID = field(default=UUID(int=0))

    def cloud(self, name: str) -> Cloud:
        """Return the cloud that a stored cluster names; it was checked when the name was stored."""
        try:
            return self.clouds[name]
        except KeyError:
            raise Bug(f"cloud {name!r} is used by a cluster but no longer configured") from None

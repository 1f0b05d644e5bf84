"""The hosts of a simulated world: which has room, and which is in order."""

from collections.abc import Sequence
from uuid import UUID

from muster.drivers.simulated.options import Options


class Hosts:
    """Counts per host and per zone of a cluster, kept as machines come and go."""

    def __init__(self, options: Options) -> None:
        self._slots = options.slots
        self._by_zone: dict[str, list[str]] = {zone: [] for zone in options.zones}
        for number in range(options.hosts):
            zone = options.zones[number % len(options.zones)]
            self._by_zone[zone].append(f"{zone}-h{number // len(options.zones) + 1}")
        self.zones = {host: zone for zone, hosts in self._by_zone.items() for host in hosts}
        self.condition = dict.fromkeys(self.zones, "")
        self._load = dict.fromkeys(self.zones, 0)
        self._turn = dict.fromkeys(options.zones, 0)
        self._spread: dict[UUID, dict[str, int]] = {}

    def settle(self, cluster_id: UUID, host: str, by: int) -> None:
        """Count a machine of the cluster in (1) or out (-1)."""
        self._load[host] = self._load.get(host, 0) + by
        zone = self.zone(host)
        spread = self._spread.setdefault(cluster_id, {})
        spread[zone] = spread.get(zone, 0) + by
        if by < 0 and not any(spread.values()):
            del self._spread[cluster_id]

    def zone(self, host: str) -> str:
        """Return the host's zone; one that the options no longer name tells it by its name."""
        return self.zones.get(host) or host.rpartition("-h")[0]

    def choose(self, cluster_id: UUID, zones: Sequence[str]) -> str | None:
        """Return the host for the cluster's next machine, or None if all are full.

        The zone with the fewest of the cluster's machines, then the hosts in turn.
        """
        spread = self._spread.get(cluster_id, {})
        allowed = [zone for zone in self._by_zone if not zones or zone in zones]
        for zone in sorted(allowed, key=lambda zone: spread.get(zone, 0)):
            hosts = self._by_zone[zone]
            for _ in hosts:
                self._turn[zone] = (self._turn[zone] + 1) % len(hosts)
                host = hosts[self._turn[zone]]
                if not self.condition[host] and not self._full(host):
                    return host
        return None

    def _full(self, host: str) -> bool:
        return 0 < self._slots <= self._load[host]

"""The hosts of a simulated world: which has room, and which is in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from muster.drivers.simulated.options import Options
from muster.model.placement import Affinity, Group

# How a host is whose machines cannot be looked at: its network is away, or its power until it
# comes back and starts them again, or only what would tell of them, while they answer.
CUT_OFF, POWERLESS, MUTE = "cut off", "powerless", "mute"
SILENT = frozenset({CUT_OFF, POWERLESS, MUTE})


@dataclass(frozen=True, slots=True)
class Need:
    """What a new machine asks of its host."""

    cluster_id: UUID
    zones: Sequence[str]  # none: any
    group: Group | None = None


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
        self.since = dict.fromkeys(self.zones, 0.0)  # when that turned
        self._offline_s = options.offline_s
        self._load = dict.fromkeys(self.zones, 0)
        self._turn = dict.fromkeys(options.zones, 0)
        self._spread: dict[UUID, dict[str, int]] = {}
        self._groups: dict[str, dict[str, int]] = {}  # how many of a group each host has

    def settle(self, cluster_id: UUID, host: str, by: int, group: str = "") -> None:
        """Count a machine of the cluster, and of a group, in (1) or out (-1)."""
        if group:
            together = self._groups.setdefault(group, {})
            together[host] = together.get(host, 0) + by
        self._load[host] = self._load.get(host, 0) + by
        zone = self.zone(host)
        spread = self._spread.setdefault(cluster_id, {})
        spread[zone] = spread.get(zone, 0) + by
        if by < 0 and not any(spread.values()):
            del self._spread[cluster_id]

    def turn(self, host: str, condition: str, at: float) -> None:
        self.condition[host], self.since[host] = condition, at

    def holds_dead(self, host: str, now: float) -> bool:
        """Return whether the others hold a silent host dead, which takes half of all in order."""
        silent = [each for each, condition in self.condition.items() if condition in SILENT]
        patient = now - self.since.get(host, now) < self._offline_s
        return host in silent and not patient and 2 * len(silent) <= len(self.zones)

    def zone(self, host: str) -> str:
        """Return the host's zone; one that the options no longer name tells it by its name."""
        return self.zones.get(host) or host.rpartition("-h")[0]

    def choose(self, need: Need) -> str | None:
        """Return the host for the next machine, or None if none will do.

        The zone with the fewest of the cluster's machines, then the hosts in turn; of
        these the first that suits the group, or for a soft group, the one that suits best.
        """
        spread = self._spread.get(need.cluster_id, {})
        allowed = need.zones or list(self._by_zone)
        fit: list[str] = []
        for zone in sorted(allowed, key=lambda zone: spread.get(zone, 0)):
            hosts = self.hosts_of(zone)
            first = self._turn.get(zone, 0) + 1
            for turn in range(first, first + len(hosts)):
                host = hosts[turn % len(hosts)]
                if self.condition.get(host) or self._full(host):
                    continue
                if self._suits(host, need.group):
                    self._turn[zone] = turn % len(hosts)
                    return host
                fit.append(host)
        soft = need.group and need.group.affinity.value.startswith("soft-")
        return min(fit, key=self._load_of, default=None) if soft else None

    def takes(self, host: str) -> bool:
        """Return whether there is such a host, in order and with a slot left."""
        return host in self.zones and not self.condition.get(host) and not self._full(host)

    def allows(self, host: str, group: Group | None) -> bool:
        """Return whether a group that insists takes one more of it on the host."""
        soft = group is not None and group.affinity.value.startswith("soft-")
        return soft or self._suits(host, group)

    def hosts_of(self, zone: str) -> list[str]:
        """Return the hosts of a zone; one that the options do not name has as many as others."""
        if zone in self._by_zone:
            return self._by_zone[zone]
        most = max(len(hosts) for hosts in self._by_zone.values())
        return [f"{zone}-h{number}" for number in range(1, most + 1)]

    def _suits(self, host: str, group: Group | None) -> bool:
        """Return whether the group's other machines allow, or want, one more on the host."""
        if group is None:
            return True
        together = {name for name, count in self._groups.get(str(group.id), {}).items() if count}
        if group.affinity in (Affinity.ANTI_AFFINITY, Affinity.SOFT_ANTI_AFFINITY):
            return host not in together
        return not together or host in together

    def _load_of(self, host: str) -> int:
        return self._load.get(host, 0)

    def _full(self, host: str) -> bool:
        return 0 < self._slots <= self._load_of(host)

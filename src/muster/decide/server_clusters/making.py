"""The steps by which servers become a cluster, or join one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from muster.decide.server_clusters.documents import Document
from muster.decide.server_clusters.preflight import address_of
from muster.model.machine import Machine
from muster.model.server_job import Entry, Verb

PORT = 8443  # Incus
# What the objects of each list are called in Incus's paths, in the order in which they are made:
# what others name comes first.
KINDS: Mapping[str, str] = {
    "projects": "projects",
    "storage_pools": "storage-pools",
    "certificates": "certificates",
    "cluster_groups": "cluster/groups",
    "networks": "networks",
    "storage_volumes": "volumes",
    "profiles": "profiles",
}
VOLUMES = ("backups", "images", "logs")  # what Incus may keep for itself on each member
_OWN = frozenset(f"storage.{each}_volume" for each in VOLUMES)  # settings of each member


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A server that is to be a member, and what its services are to be set to."""

    machine: Machine
    services: tuple[tuple[str, Document], ...] = ()

    @property
    def name(self) -> str:
        return self.machine.name


def creation(
    newcomers: Sequence[Newcomer], seed: Mapping[str, Any], channel: str
) -> tuple[Entry, ...]:
    """Return every step of making a cluster, in order; the first server begins it."""
    first, *others = [each.name for each in newcomers]
    return (
        *(entry for each in newcomers for entry in _prepared(each, channel)),
        Entry(verb=Verb.BOOTSTRAP, server=first),
        *(Entry(verb=Verb.JOIN, server=each) for each in others),
        *_objects(seed, first),
        *_settings(seed.get("config") or {}, [first, *others]),
    )


def addition(
    newcomers: Sequence[Newcomer], seed: Mapping[str, Any], channel: str
) -> tuple[Entry, ...]:
    """Return every step by which servers join a cluster that was made of `seed`."""
    own = {k: v for k, v in (seed.get("config") or {}).items() if k in _OWN}
    volumes = [each for each in seed.get("storage_volumes") or () if _is_own(each)]
    return tuple(
        entry
        for each in newcomers
        for entry in (
            *_prepared(each, channel),
            Entry(verb=Verb.JOIN, server=each.name),
            *(_object("storage_volumes", volume, each.name) for volume in volumes),
            *_settings(own, [each.name]),
        )
    )


def _is_own(volume: Mapping[str, Any]) -> bool:
    return volume.get("name") in VOLUMES and not volume.get("project")


# What a server may refuse comes before what only a reset undoes.
def _prepared(newcomer: Newcomer, channel: str) -> Iterator[Entry]:
    yield _left_to_us(newcomer.name, channel)
    for name, config in newcomer.services:
        yield Entry(verb=Verb.SERVICE, server=newcomer.name, what=name, body=config)
    yield Entry(verb=Verb.ADDRESSES, server=newcomer.name, body=addresses(newcomer.machine))


def addresses(machine: Machine) -> dict[str, str]:
    """Return where the Incus of a member listens: for the others, and for everybody."""
    listens = address_of(machine, "management")
    return {
        "cluster.https_address": at_port(address_of(machine, "cluster")),
        "core.https_address": at_port(listens) if listens else f":{PORT}",
    }


def at_port(address: str) -> str:
    return f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"


def _left_to_us(server: str, channel: str) -> Entry:
    body = {"auto_reboot": False, "channel": channel, "check_frequency": "never"}
    return Entry(verb=Verb.CHANNEL, server=server, body=body)


def rechannelled(servers: Sequence[str], channel: str) -> tuple[Entry, ...]:
    """Return how servers get their updates from another channel."""
    return tuple(_left_to_us(name, channel) for name in servers)


def _objects(seed: Mapping[str, Any], first: str) -> Iterator[Entry]:
    for kind in KINDS:
        for each in seed.get(kind) or ():
            yield _object(kind, each, first)


def _object(kind: str, item: Mapping[str, Any], server: str) -> Entry:
    what = f"{KINDS[kind]}/{item['name']}"
    return Entry(verb=Verb.OBJECT, server=server, what=what, body=item)


def _settings(config: Mapping[str, Any], servers: Sequence[str]) -> Iterator[Entry]:
    """Yield how settings are made: those of each member there, the others once."""
    own = {name: value for name, value in config.items() if name in _OWN}
    common = {name: value for name, value in config.items() if name not in _OWN}
    for name in servers if own else ():
        yield Entry(verb=Verb.SETTINGS, server=name, body=own)
    if common:
        yield Entry(verb=Verb.SETTINGS, server=servers[0], body=common)

"""Where things of each kind are read, and what makes a record of them."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from muster.decide.secrets import masked
from muster.model.inventory import Kind, Record

Thing = Mapping[str, Any]
_K = Kind
_ALL = {"all-projects": "true"}
_BUCKETS = frozenset({"btrfs", "cephobject", "dir", "zfs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How things of one kind are read."""

    segment: str  # under /1.0/, or under what they are in
    inside: Kind | None = None
    holds: Callable[[Thing], bool] = lambda parent: True  # whether these can be in that
    query: Mapping[str, str]
    extension: str = ""  # without which there are none
    name: str = "name"  # which field tells one from the others
    counts: Callable[[Thing], bool] = lambda thing: True
    has_project: bool = True
    has_server: bool = False


def _managed(network: Thing) -> bool:
    return bool(network.get("managed"))


def _of_type(*types: str) -> Callable[[Thing], bool]:
    return lambda network: _managed(network) and network.get("type") in types


def _plain(segment: str, extension: str = "") -> Rule:
    return Rule(segment=segment, query={}, extension=extension, has_project=False)


# In an order in which what others are in comes before them.
RULES: Mapping[Kind, Rule] = {
    _K.PROJECTS: _plain("projects"),
    _K.STORAGE_POOLS: _plain("storage-pools"),
    _K.NETWORK_INTEGRATIONS: _plain("network-integrations", "network_integrations"),
    _K.IMAGES: Rule(segment="images", query=_ALL, name="fingerprint"),
    _K.PROFILES: Rule(segment="profiles", query=_ALL),
    _K.NETWORKS: Rule(segment="networks", query=_ALL, counts=_managed),
    _K.NETWORK_ACLS: Rule(segment="network-acls", query=_ALL),
    _K.NETWORK_ADDRESS_SETS: Rule(
        segment="network-address-sets", query=_ALL, extension="network_address_set"
    ),
    _K.NETWORK_ZONES: Rule(segment="network-zones", query=_ALL),
    _K.NETWORK_FORWARDS: Rule(
        segment="forwards",
        inside=_K.NETWORKS,
        holds=_of_type("bridge", "ovn"),
        query={},
        name="listen_address",
    ),
    _K.NETWORK_LOAD_BALANCERS: Rule(
        segment="load-balancers",
        inside=_K.NETWORKS,
        holds=_of_type("ovn"),
        query={},
        name="listen_address",
    ),
    _K.NETWORK_PEERS: Rule(segment="peers", inside=_K.NETWORKS, holds=_of_type("ovn"), query={}),
    _K.STORAGE_BUCKETS: Rule(
        segment="buckets",
        inside=_K.STORAGE_POOLS,
        holds=lambda pool: pool.get("driver") in _BUCKETS,
        query=_ALL,
        has_server=True,
    ),
    _K.STORAGE_VOLUMES: Rule(
        segment="volumes",
        inside=_K.STORAGE_POOLS,
        holds=lambda pool: pool.get("driver") != "cephobject",
        query=_ALL,
        has_server=True,
    ),
    _K.INSTANCES: Rule(segment="instances", query={**_ALL, "recursion": "2"}, has_server=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One list to be read, and in what its things are."""

    kind: Kind
    path: str
    parent: str = ""
    project: str = ""


def places(kind: Kind, parents: Iterable[Thing], extensions: frozenset[str]) -> Iterator[Place]:
    """Yield where all things of a kind are read; `parents` are those that they may be in."""
    rule = RULES[kind]
    if rule.extension and rule.extension not in extensions:
        return
    if rule.inside is None:
        yield Place(kind=kind, path=_url(f"/1.0/{rule.segment}", rule.query))
        return
    above = RULES[rule.inside].segment
    for each in parents:
        if rule.holds(each):
            name, project = str(each.get("name")), str(each.get("project") or "")
            base = f"/1.0/{above}/{quote(name, safe='')}/{rule.segment}"
            own = {} if rule.query else {"project": project or "default"}
            yield Place(
                kind=kind, path=_url(base, {**rule.query, **own}), parent=name, project=project
            )


def one(kind: Kind, project: str, name: str) -> str:
    """Return where one thing is read that is in no other."""
    query = {"recursion": "1"} if kind is _K.INSTANCES else {}
    own = {"project": project or "default"} if RULES[kind].has_project else {}
    segment = RULES[kind].segment
    return f"/1.0/{segment}/{quote(name, safe='')}?{urlencode({**query, **own})}"


def _url(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode({'recursion': '1', **query})}"


def record(place: Place, cluster: str, said: Thing, now: datetime) -> Record | None:
    """Return the record of a thing, None for one that does not count."""
    rule = RULES[place.kind]
    name = said.get(rule.name)
    if not name or not rule.counts(said):
        return None
    location = str(said.get("location") or "")
    return Record(
        kind=place.kind,
        cluster=cluster,
        server="" if not rule.has_server or location == "none" else location,
        project=str(said.get("project") or place.project or "default") if rule.has_project else "",
        parent=place.parent,
        type=str(said.get("type") or "") if place.kind is _K.STORAGE_VOLUMES else "",
        name=str(name),
        object=_kept(said),
        updated_at=now,
    )


# Note [What an inventory keeps]
# What differs at each reading though nobody changed anything is no part of a thing: its counters,
# when it was last used, the order in which its users are told. And what is secret in it is kept
# by its digest, so that a change of it is one, and nobody finds it in the inventory.
_FLEETING = frozenset({"state", "last_used_at"})
_SECRET = re.compile(r"(.*[._-])?(user-data|vendor-data|password|secret|key|token)")
_CONFIGS = ("config", "expanded_config")


def _kept(said: Thing) -> Thing:
    """Return a thing as it is kept. See Note [What an inventory keeps]."""
    kept = {name: each for name, each in said.items() if name not in _FLEETING}
    if isinstance(kept.get("used_by"), list):
        kept["used_by"] = sorted(kept["used_by"], key=str)
    for name in _CONFIGS:
        if isinstance(kept.get(name), Mapping):
            kept[name] = {key: _value(key, value) for key, value in kept[name].items()}
    return dict(masked(kept))


def _value(key: str, value: Any) -> Any:
    return masked({"secret": value})["secret"] if _SECRET.fullmatch(key) else value


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to become of the records of a kind."""

    put: tuple[Record, ...]
    drop: tuple[Record, ...]


def difference(there: Iterable[Record], seen: Iterable[Record]) -> Difference:
    """Return what brings the records there to what was seen; what is the same stays as it is."""
    known, now = {each.id: each for each in there}, {each.id: each for each in seen}
    put = (
        each
        for id, each in now.items()
        if id not in known or (known[id].object, known[id].server) != (each.object, each.server)
    )
    return Difference(tuple(put), tuple(each for id, each in known.items() if id not in now))

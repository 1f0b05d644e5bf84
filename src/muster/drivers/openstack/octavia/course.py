"""What to ask of Octavia next, so that a load balancer becomes as it is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from muster.drivers.openstack.octavia.shape import ERROR, Part, Parts


@dataclass(frozen=True, slots=True)
class Change:
    method: str
    path: str  # below /v2/lbaas
    body: Part | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A load balancer as it is, with all parts that are ours."""

    balancer: Part
    listeners: tuple[Part, ...] = ()
    pools: tuple[Part, ...] = ()
    monitor: Part | None = None  # of the `leading` pool; so are the members
    members: tuple[Part, ...] = ()

    @property
    def pool(self) -> Part | None:
        return leading(self.listeners, self.pools)


def leading(listeners: Sequence[Part], pools: Sequence[Part]) -> Part | None:
    """Return the pool that clients are led to, or else the one that will be."""
    used = {each.get("default_pool_id") for each in listeners}
    order = sorted(pools, key=lambda pool: (pool["id"] not in used, pool["created_at"]))
    return order[0] if order else None


# Note [One change at a time]
# While Octavia is at a change of a load balancer, it takes no other. So nothing is planned
# ahead: what is there is read, the first thing that is not as wanted is changed, and all is read
# again. Whoever is killed in between, and whatever a call that got lost has done after all, the
# next one goes on from what is there. The listener carries the fingerprint of the front and comes
# after all that it speaks for.
def next_change(whole: Whole, wanted: Parts) -> Change | None:
    """Return the next change, None when all is as wanted. See Note [One change at a time]."""
    return (
        _cleared(whole, wanted)
        or _pool(whole, wanted)
        or _monitor(whole, wanted)
        or _members(whole, wanted)
        or _listener(whole, wanted)
        or _surplus(whole, wanted)
    )


def _cleared(whole: Whole, wanted: Parts) -> Change | None:
    """Make way for another protocol, which neither a listener nor a pool can change to."""
    for each in whole.listeners:
        if each["protocol"] != wanted.listener["protocol"]:
            return _without("listeners", each)
    if whole.pool and whole.pool["protocol"] != wanted.pool["protocol"]:
        return _without("pools", whole.pool)
    return None


def _pool(whole: Whole, wanted: Parts) -> Change | None:
    if whole.pool is None:
        body = {**wanted.pool, "loadbalancer_id": whole.balancer["id"]}
        return Change("POST", "/pools", {"pool": body})
    if _same(whole.pool, wanted.pool):
        return None
    return _changed("pools", "pool", whole.pool, wanted.pool)


def _monitor(whole: Whole, wanted: Parts) -> Change | None:
    there, then = whole.monitor, wanted.monitor
    if there and (then is None or there["type"] != then["type"]):
        return _without("healthmonitors", there)
    if then is None or (there and _same(there, then)):
        return None
    if there:
        return _changed("healthmonitors", "healthmonitor", there, then)
    assert whole.pool
    body = {**then, "pool_id": whole.pool["id"]}
    return Change("POST", "/healthmonitors", {"healthmonitor": body})


def _members(whole: Whole, wanted: Parts) -> Change | None:
    there = {_where(each): each for each in whole.members}
    then = {_where(each): each for each in wanted.members}
    if there.keys() == then.keys() and all(_same(there[x], then[x]) for x in there):
        return None
    assert whole.pool
    path = f"/pools/{whole.pool['id']}/members"
    return Change("PUT", path, {"members": list(wanted.members)})


def _listener(whole: Whole, wanted: Parts) -> Change | None:
    assert whole.pool
    then = {**wanted.listener, "default_pool_id": whole.pool["id"]}
    there = _at_port(whole, wanted)
    if there is None:
        body = {**then, "loadbalancer_id": whole.balancer["id"]}
        return Change("POST", "/listeners", {"listener": body})
    return None if _same(there, then) else _changed("listeners", "listener", there, then)


def _surplus(whole: Whole, wanted: Parts) -> Change | None:
    stays, pool = _at_port(whole, wanted), whole.pool
    for each in whole.listeners:
        if stays and each["id"] != stays["id"]:
            return _without("listeners", each)
    for each in whole.pools:
        if pool and each["id"] != pool["id"]:
            return _without("pools", each)
    return None


def _at_port(whole: Whole, wanted: Parts) -> Part | None:
    port = wanted.listener["protocol_port"]
    return next((each for each in whole.listeners if each["protocol_port"] == port), None)


def _where(member: Part) -> tuple[str, int]:
    return member["address"], member["protocol_port"]


def _without(kind: str, part: Part) -> Change:
    return Change("DELETE", f"/{kind}/{part['id']}")


_FIXED = ("protocol", "protocol_port", "type", "subnet_id")  # ever since the part was made


def _changed(kind: str, name: str, there: Part, then: Part) -> Change:
    body = {key: value for key, value in then.items() if key not in _FIXED}
    return Change("PUT", f"/{kind}/{there['id']}", {name: body})


def _same(there: Part, then: Part) -> bool:
    if there.get("provisioning_status") == ERROR:
        return False
    return all(_alike(there.get(key), then[key]) for key in then if key not in _FIXED)


def _alike(there: Any, then: Any) -> bool:
    if isinstance(then, dict):
        return isinstance(there, dict) and all(there.get(key) == then[key] for key in then)
    if isinstance(then, list):
        return sorted(there or ()) == sorted(then)
    return bool(there == then)

"""Channels: names by which servers are told apart that get their updates differently."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from muster.base.errors import Conflict, NotFound
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.provisioning.system import default_channel

_KEY = "channels"
_ALL = Query()
Check = Callable[["Channel"], None]


# Note [What a channel is]
# Servers with Debian or Ubuntu get their updates from the package sources that each of them has.
# A channel is what those are called: servers of one cluster are of the same, each is warned of that
# says it is of another, and one is told with every server that is. It says nothing of packages:
# nothing is mirrored here. So whatever name somebody uses is a channel, described or not.
@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """See Note [What a channel is]."""

    name: str
    description: str = ""
    updated_at: datetime | None = None
    used_by: tuple[str, ...] = ()


class _Kept(msgspec.Struct):
    description: str
    updated_at: datetime


async def listing(desk: Desk) -> list[Channel]:
    """Return every channel that is described or used, by name."""
    return await desk.store.read(lambda tx: sorted(_known(tx).values(), key=lambda c: c.name))


async def show(desk: Desk, name: str) -> Channel:
    return await desk.store.read(lambda tx: _found(tx, name))


async def created(desk: Desk, name: str, description: str) -> Channel:
    """Describe a channel; one that is used already, but not described, is that from then on."""

    def work(tx: Transaction) -> Channel:
        kept = _kept(tx, desk)
        if name in kept:
            raise Conflict(f"there is a channel '{name}' already", field="name")
        _put(tx, {**kept, name: _Kept(description, desk.clock.now())})
        return _found(tx, name)

    return await desk.store.write(work)


async def changed(desk: Desk, name: str, description: str, check: Check) -> None:
    def work(tx: Transaction) -> None:
        kept = _kept(tx, desk)
        check(_found(tx, name))
        _put(tx, {**kept, name: _Kept(description, desk.clock.now())})

    await desk.store.write(work)


async def removed(desk: Desk, name: str) -> None:
    """Forget a channel. Raises `Conflict` where anybody is of it."""

    def work(tx: Transaction) -> None:
        kept = _kept(tx, desk)
        there = _found(tx, name)
        if there.used_by:
            raise Conflict(f"channel '{name}' is used by {', '.join(there.used_by[:5])}")
        _put(tx, {each: what for each, what in kept.items() if each != name})

    await desk.store.write(work)


def _found(tx: Transaction, name: str) -> Channel:
    there = _known(tx).get(name)
    if there is None:
        raise NotFound(f"there is no channel '{name}'")
    return there


def _known(tx: Transaction) -> dict[str, Channel]:
    kept, users = _read(tx), _users(tx)
    return {
        name: Channel(
            name=name,
            description=kept[name].description if name in kept else "",
            updated_at=kept[name].updated_at if name in kept else None,
            used_by=tuple(users.get(name, ())),
        )
        for name in {*kept, *users}
    }


def _users(tx: Transaction) -> dict[str, list[str]]:
    """Return who is of which channel, in words."""
    said = [
        *((each.channel, f"cluster {each.name}") for each in tx.server_clusters.find(_ALL)),
        *((each.channel, f"server {each.name}") for each in tx.machines.find(_ALL)),
        *((each.channel, f"token {each.id}") for each in tx.machine_tokens.find(_ALL)),
        (default_channel(tx), "server_default_channel"),
    ]
    users: dict[str, list[str]] = {}
    for channel, who in said:
        if channel:
            users.setdefault(channel, []).append(who)
    return users


def _read(tx: Transaction) -> dict[str, _Kept]:
    return msgspec.json.decode(tx.settings.get(_KEY) or "{}", type=dict[str, _Kept])


def _kept(tx: Transaction, desk: Desk) -> dict[str, _Kept]:
    """Return what is kept, for who is about to change it; others wait for this transaction."""
    now = desk.clock.now()
    tx.leases.take(_KEY, _KEY, now, now)
    return _read(tx)


def _put(tx: Transaction, kept: Mapping[str, _Kept]) -> None:
    tx.settings.put(_KEY, msgspec.json.encode(kept).decode())

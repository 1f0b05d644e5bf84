"""What instances have used: one question to Incus for all of them, where all can be asked."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import DriverError, Transient
from muster.drivers.incus.look import AT_ONCE, FULL_AGAIN_S, Lookout, listing
from muster.drivers.incus.rest import Rest, path
from muster.drivers.incus.tags import Tags, read
from muster.model.observed import Usage

STATES_S = 8.0  # a hundred states take 1.5 s on two busy processors
SHARED_S = 0.3  # for so long one reading of all serves every cluster that asks for its own
SHARE = 4  # a reading that takes a second is followed by four without one
LONGEST_S = 5.0  # but not by more than these
NANO = 1e9
MIB = 1 << 20


# Note [State, not metrics]
# Incus answers /1.0/metrics from a cache of some 8 s: what used a whole processor reads as
# idle, then as half as much again. The state of an instance is counted when it is asked for.
#
# Note [Read by cost]
# How soon load is seen depends on how often use is read, and of a few instances that costs next
# to nothing. The states of a hundred keep Incus busy for a second or more. So the pace that is
# set is that of a small site, and whoever asks waits where a reading takes its time.
class Meter:
    """See Note [State, not metrics] and Note [Read by cost]."""

    def __init__(self, rest: Rest, lookout: Lookout, clock: Clock, installation: UUID) -> None:
        self._rest = rest
        self._lookout = lookout
        self._clock = clock
        self._installation = installation
        self._full_again = 0.0
        self._turn = asyncio.Lock()
        self._last: tuple[Sequence[Any], datetime] | None = None
        self._fresh_until = self._rest_until = 0.0

    async def usages(self, cluster_id: UUID | None = None) -> Sequence[Usage]:
        """Return a reading of each of our instances that runs and can be asked."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._full_again:
            return await self._one_by_one(cluster_id)
        try:
            async with self._turn:
                listed, now = await self._listed()
        except Transient:
            self._full_again = loop.time() + FULL_AGAIN_S
            return await self._one_by_one(cluster_id)
        told = ((read(each.get("config") or {}), each.get("state")) for each in listed)
        return [
            reading(tags, state, now)
            for tags, state in told
            if tags and tags.installation == self._installation
            if cluster_id in (None, tags.cluster) and state and state["status"] == "Running"
        ]

    async def _listed(self) -> tuple[Sequence[Any], datetime]:
        """Return all instances with their states, and when that was. See Note [Read by cost]."""
        loop = asyncio.get_running_loop()
        if self._last and loop.time() < self._fresh_until:
            return self._last
        await asyncio.sleep(max(0.0, self._rest_until - loop.time()))
        began = loop.time()
        self._last = await self._rest.answer(listing("2", STATES_S)), self._clock.now()
        ended = loop.time()
        self._fresh_until = ended + SHARED_S
        self._rest_until = ended + min(SHARE * (ended - began), LONGEST_S)
        return self._last

    async def _one_by_one(self, cluster_id: UUID | None) -> Sequence[Usage]:
        """Ask about each that runs at its own member, as others may be cut off."""
        running = [
            each
            for each in await self._lookout.recent()
            if each.status == "Running" and cluster_id in (None, each.tags.cluster)
        ]
        turns = asyncio.Semaphore(AT_ONCE)

        async def asked(ref: str, host: str, tags: Tags) -> Usage | None:
            async with turns:
                try:
                    state = await self._rest.get(path("instances", ref, "state"), host)
                except DriverError:
                    return None
            return reading(tags, state, self._clock.now())

        answers = await asyncio.gather(*(asked(x.ref, x.host, x.tags) for x in running))
        return [each for each in answers if each]


def reading(tags: Tags, state: Mapping[str, Any], now: datetime) -> Usage:
    counters = [
        network["counters"]
        for name, network in (state.get("network") or {}).items()
        if name != "lo"
    ]
    memory = state.get("memory") or {}
    return Usage(
        server_id=tags.server,
        at=now,
        cpu_s=max(0, (state.get("cpu") or {}).get("usage", 0)) / NANO,
        vcpus=tags.vcpus,
        memory_bytes=min(memory.get("usage", 0), tags.memory_mib * MIB),
        memory_limit=tags.memory_mib * MIB,
        net_in=sum(each["bytes_received"] for each in counters),
        net_out=sum(each["bytes_sent"] for each in counters),
    )

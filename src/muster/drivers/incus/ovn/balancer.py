"""The balancer port over OVN networks: a load balancer of the network for each pool."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from muster.base.errors import Permanent
from muster.drivers.incus.ovn.grounds import OVN, Grounds
from muster.drivers.incus.ovn.listeners import BALANCERS, Listener, Listeners
from muster.drivers.incus.ovn.refusal import refused
from muster.drivers.incus.ovn.shape import body, owner, seen
from muster.model.pool import Front, PoolSeen, PoolWanted

FRESH_S = 0.5
NO_WAY_IN = "OVN network {0!r} has no uplink: nobody outside could reach a load balancer of it"
NO_GROUND = "network {0!r} is not of OVN: its pools are balanced by HAProxy"


OWED = "Incus is told what OVN does"

Listed = Mapping[UUID, Listener]  # by cluster


# Note [One listing for all pools]
# Everything about a pool stands in Incus, so that any engine finds it there, after any restart.
# Every pool is asked after once a second. So all of a network are listed at once, and what was
# listed a moment ago will do; but for what is changed, which is looked at anew before and after.
class OvnBalancer:
    """See Note [One listing for all pools]."""

    def __init__(self, listeners: Listeners, grounds: Grounds, installation: UUID) -> None:
        self._listeners = listeners
        self._grounds = grounds
        self._installation = installation
        self._listed: Listed = {}
        self._until = 0.0
        self._looking = asyncio.Lock()

    async def serves(self, front: Front) -> bool:
        ground = await self._grounds.of(front.network)
        return ground is not None and ground.balancer == OVN

    async def list_pools(self) -> Sequence[UUID]:
        return list(await self._look())

    async def pool(self, cluster_id: UUID) -> PoolSeen | None:
        found = (await self._recent()).get(cluster_id)
        if found is None:
            return None
        checked = found.said["config"].get("healthcheck") == "true" and found.said["ports"]
        health = await self._listeners.health(found) if checked else {}
        pool = seen(found.said, health)
        if found.past and await self._listeners.takes_changes():
            return replace(pool, owed=OWED)
        return pool

    async def put_pool(self, wanted: PoolWanted) -> str:
        front = wanted.front
        if reason := await self.refusal(front):
            raise Permanent(reason)
        ground = await self._grounds.of(front.network)
        assert ground
        content = body(wanted, self._installation)
        found = (await self._look()).get(front.cluster_id)
        try:
            if found and found.where.startswith(ground.path(BALANCERS)):
                await self._listeners.change(found, content)
                return found.address
            address = await self._listeners.make(ground, BALANCERS, content)
            if found:  # on the network that its members were on before
                await self._listeners.remove(found.where)
            return address
        finally:
            self._until = 0.0

    async def remove_pool(self, cluster_id: UUID) -> None:
        found = (await self._look()).get(cluster_id)
        if found:
            await self._listeners.remove(found.where)
            self._until = 0.0

    async def refusal(self, front: Front) -> str | None:
        if reason := refused(front):
            return reason
        ground = await self._grounds.of(front.network)
        if ground is None:
            return NO_GROUND.format(front.network or "of the profile")
        return None if ground.reaches_out else NO_WAY_IN.format(ground.name)

    async def _recent(self) -> Listed:
        """Return what was listed a moment ago, or else list it."""
        async with self._looking:
            if asyncio.get_running_loop().time() < self._until:
                return self._listed
            self._listed = await self._look()
            self._until = asyncio.get_running_loop().time() + FRESH_S
            return self._listed

    async def _look(self) -> Listed:
        """Return the load balancers of our pools, by asking for all of them."""
        found: dict[UUID, Listener] = {}
        for ground in (await self._grounds.all()).values():
            for each in await self._listeners.listed(ground, BALANCERS):
                if cluster_id := owner(each.said, self._installation):
                    found[cluster_id] = each
        return found

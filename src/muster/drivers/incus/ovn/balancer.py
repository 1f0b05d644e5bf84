"""The balancer port over OVN networks: a load balancer of the network for each pool."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent
from muster.drivers.incus.answers import is_missing, is_taken
from muster.drivers.incus.ovn.grounds import OVN, Ground, Grounds
from muster.drivers.incus.ovn.refusal import refused
from muster.drivers.incus.ovn.shape import body, like, owner, seen
from muster.drivers.incus.rest import WRITE_S, Call, Rest
from muster.model.pool import Front, PoolSeen, PoolWanted

LISTS = "load-balancers"
FRESH_S = 0.5
NO_WAY_IN = "OVN network {0!r} has no uplink: nobody outside could reach a load balancer of it"
NO_GROUND = "network {0!r} is not of OVN: its pools are balanced by HAProxy"


@dataclass(frozen=True, slots=True)
class _Found:
    where: str  # the path of the load balancer
    said: Mapping[str, Any]


Listed = Mapping[UUID, _Found]  # by cluster


# Note [One listing for all pools]
# Everything about a pool stands in Incus, so that any engine finds it there, after any restart.
# Every pool is asked after once a second. So all of a network are listed at once, and what was
# listed a moment ago will do; but for what is changed, which is looked at anew before and after.
class OvnBalancer:
    """See Note [One listing for all pools]."""

    def __init__(self, rest: Rest, grounds: Grounds, installation: UUID) -> None:
        self._rest = rest
        self._grounds = grounds
        self._installation = installation
        self._listed: Listed = {}
        self._until = 0.0
        self._looking = asyncio.Lock()
        self._choosing = asyncio.Lock()  # of an address

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
        state = await self._rest.find(f"{found.where}/state") if checked else None
        return seen(found.said, (state or {}).get("backend_health") or {})

    async def put_pool(self, wanted: PoolWanted) -> str:
        front = wanted.front
        if reason := await self.refusal(front):
            raise Permanent(reason)
        ground = await self._grounds.of(front.network)
        assert ground
        content = body(wanted, self._installation)
        found = (await self._look()).get(front.cluster_id)
        try:
            if found and found.where.startswith(ground.path(LISTS)):
                return await self._changed(found, content)
            address = await self._made(ground, content)
            if found:  # on the network that its members were on before
                await self._removed(found.where)
            return address
        finally:
            self._until = 0.0

    async def remove_pool(self, cluster_id: UUID) -> None:
        found = (await self._look()).get(cluster_id)
        if found:
            await self._removed(found.where)
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
        found: dict[UUID, _Found] = {}
        for ground in (await self._grounds.all()).values():
            for each in await self._rest.find(ground.path(LISTS), recursion="1") or ():
                if cluster_id := owner(each, self._installation):
                    where = ground.path(LISTS, each["listen_address"])
                    found[cluster_id] = _Found(where, each)
        return found

    async def _changed(self, found: _Found, content: Mapping[str, Any]) -> str:
        """Bring what is there to that content, and return its address."""
        if not like(found.said, content):
            await self._rest.put_into_effect(
                Call(method="PUT", path=found.where, body=dict(content), deadline_s=WRITE_S)
            )
        return str(found.said["listen_address"])

    async def _made(self, ground: Ground, content: Mapping[str, Any]) -> str:
        """Make it at the first address that nobody has, and return that."""
        async with self._choosing:
            for address in await self._grounds.free(ground):
                new = {**content, "listen_address": address}
                call = Call(method="POST", path=ground.path(LISTS), body=new, deadline_s=WRITE_S)
                try:
                    await self._rest.put_into_effect(call)
                except DriverError as error:
                    if is_taken(error):
                        continue
                    raise
                return address
        raise Permanent(f"no address of {ground.uplink} is free for another load balancer")

    async def _removed(self, where: str) -> None:
        try:
            await self._rest.put_into_effect(Call(method="DELETE", path=where, deadline_s=WRITE_S))
        except DriverError as error:
            if not is_missing(error):
                raise

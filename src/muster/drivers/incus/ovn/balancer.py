"""The balancer port over OVN networks: a load balancer of the network for each pool."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent
from muster.drivers.incus.answers import is_missing, is_taken
from muster.drivers.incus.ovn.grounds import OVN, Ground, Grounds
from muster.drivers.incus.ovn.refusal import refused
from muster.drivers.incus.ovn.shape import body, like, owner, seen
from muster.drivers.incus.rest import WRITE_S, Call, Rest, path
from muster.model.pool import Front, PoolSeen, PoolWanted

LISTS = "load-balancers"
AGAIN_S = 2.0  # until pools that were not found are looked for again
NO_GROUND = "network {0!r} is not of OVN: its pools are balanced by HAProxy"


class OvnBalancer:
    """Everything about a pool stands in Incus, so that any engine finds it there."""

    def __init__(self, rest: Rest, grounds: Grounds, installation: UUID) -> None:
        self._rest = rest
        self._grounds = grounds
        self._installation = installation
        self._known: dict[UUID, str] = {}  # cluster -> the path of its load balancer
        self._until = 0.0
        self._choosing = asyncio.Lock()  # of an address

    async def serves(self, front: Front) -> bool:
        ground = await self._grounds.of(front.network)
        return ground is not None and ground.balancer == OVN

    async def list_pools(self) -> Sequence[UUID]:
        return list(await self._look())

    async def pool(self, cluster_id: UUID) -> PoolSeen | None:
        where = await self._where(cluster_id)
        if where is None:
            return None
        said = await self._rest.find(where)
        if said is None or owner(said, self._installation) != cluster_id:
            self._known.pop(cluster_id, None)
            return None
        checked = said["config"].get("healthcheck") == "true" and said["ports"]
        state = await self._rest.find(f"{where}/state") if checked else None
        return seen(said, (state or {}).get("backend_health") or {})

    async def put_pool(self, wanted: PoolWanted) -> str:
        front = wanted.front
        if reason := await self.refusal(front):
            raise Permanent(reason)
        ground = await self._grounds.of(front.network)
        assert ground
        content = body(wanted, self._installation)
        found = (await self._look()).get(front.cluster_id)
        if found and found.startswith(ground.path(LISTS)):
            return await self._changed(found, content)
        address = await self._made(ground, front, content)
        if found:  # on the network that its members were on before
            await self._removed(found)
        return address

    async def remove_pool(self, cluster_id: UUID) -> None:
        found = (await self._look()).get(cluster_id)
        if found:
            await self._removed(found)
            self._known.pop(cluster_id, None)

    async def refusal(self, front: Front) -> str | None:
        if reason := refused(front):
            return reason
        ground = await self._grounds.of(front.network)
        if ground is None:
            return NO_GROUND.format(front.network or "of the profile")
        return None

    async def _where(self, cluster_id: UUID) -> str | None:
        now = asyncio.get_running_loop().time()
        if cluster_id not in self._known and now > self._until:
            await self._look()
        return self._known.get(cluster_id)

    async def _look(self) -> Mapping[UUID, str]:
        """Return where the load balancers of our pools are, by asking for all of them."""
        known: dict[UUID, str] = {}
        for ground in (await self._grounds.all()).values():
            for each in await self._rest.find(ground.path(LISTS), recursion="1") or ():
                if cluster_id := owner(each, self._installation):
                    known[cluster_id] = ground.path(LISTS, each["listen_address"])
        self._known = known
        self._until = asyncio.get_running_loop().time() + AGAIN_S
        return known

    async def _changed(self, where: str, content: Mapping[str, Any]) -> str:
        """Bring what is there to that content, and return its address."""
        there = await self._rest.get(where)
        if not like(there, content):
            await self._rest.put_into_effect(
                Call(method="PUT", path=where, body=dict(content), deadline_s=WRITE_S)
            )
        return str(there["listen_address"])

    async def _made(self, ground: Ground, front: Front, content: Mapping[str, Any]) -> str:
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
                self._known[front.cluster_id] = path("networks", ground.name, LISTS, address)
                return address
        raise Permanent(f"no address of {ground.uplink} is free for another load balancer")

    async def _removed(self, where: str) -> None:
        try:
            await self._rest.put_into_effect(Call(method="DELETE", path=where, deadline_s=WRITE_S))
        except DriverError as error:
            if not is_missing(error):
                raise

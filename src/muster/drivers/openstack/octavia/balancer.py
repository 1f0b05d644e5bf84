"""The balancer port over Octavia: a load balancer of its own for each pool."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import Permanent, Transient
from muster.base.log import log
from muster.drivers.openstack.grounds import Grounds
from muster.drivers.openstack.octavia.course import leading, next_change
from muster.drivers.openstack.octavia.ground import Ground
from muster.drivers.openstack.octavia.lbaas import Lbaas
from muster.drivers.openstack.octavia.options import Options
from muster.drivers.openstack.octavia.refusal import refused
from muster.drivers.openstack.octavia.shape import (
    ERROR,
    Part,
    Parts,
    Shown,
    member,
    owner,
    parts,
    seen,
)
from muster.drivers.openstack.rest import Rest
from muster.model.pool import Front, PoolSeen, PoolWanted

FRESH_S = 2.0
MOST_CHANGES = 12  # of one pool at a time: more means that they do not hold
SERVES = ("ONLINE", "DEGRADED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What is asked for all pools at once, by cluster."""

    balancers: Mapping[UUID, Part]
    listeners: Mapping[UUID, tuple[Part, ...]]
    pools: Mapping[UUID, tuple[Part, ...]]
    floating: Mapping[UUID, Part]


# Note [Looked at by all, changed by one]
# Every pool is asked after once a second. So what Octavia lists is listed for all pools at once,
# members and counts are asked for each, and what was said a moment ago will do. A pool that is to
# be changed is looked at by itself, anew.
class OctaviaBalancer:
    """See Note [Looked at by all, changed by one]."""

    def __init__(self, lbaas: Lbaas, ground: Ground, installation: UUID) -> None:
        self._lbaas = lbaas
        self._ground = ground
        self._installation = installation
        self._listed: Listed | None = None
        self._until = 0.0
        self._looking = asyncio.Lock()
        self._seen: dict[UUID, tuple[float, PoolSeen]] = {}
        self._failed_over: set[str] = set()  # see Note [Out of an error]

    async def serves(self, front: Front) -> bool:
        return True

    async def list_pools(self) -> Sequence[UUID]:
        listed = await self._look()
        return list(dict.fromkeys((*listed.balancers, *listed.floating)))

    async def pool(self, cluster_id: UUID) -> PoolSeen | None:
        until, known = self._seen.get(cluster_id, (0.0, None))
        if known and _now() < until:
            return known
        listed = await self._recent()
        balancer = listed.balancers.get(cluster_id)
        if balancer is None:
            self._seen.pop(cluster_id, None)
            return None
        shown = await self._shown(balancer, listed)
        found = seen(shown)
        if found == known:  # the very same says that nothing has changed
            found = known
        self._seen[cluster_id] = _now() + FRESH_S, found
        return found

    async def put_pool(self, wanted: PoolWanted) -> str:
        if reason := refused(wanted.front):
            raise Permanent(reason)
        cluster_id, until = wanted.front.cluster_id, self._lbaas.deadline()
        try:
            parts = await self._parts(wanted)
            balancer = await self._standing(wanted.front, parts, until)
            if balancer["provisioning_status"] == ERROR:
                balancer = await self._mended(balancer, (wanted.front, parts), until)
            await self._brought(balancer, (wanted.front, parts), until)
            return await self._ground.published(balancer, cluster_id)
        finally:
            self._forget(cluster_id)

    async def remove_pool(self, cluster_id: UUID) -> None:
        until = self._lbaas.deadline()
        try:
            await self._ground.release(cluster_id)
            for each in await self._lbaas.found(cluster_id):
                await self._lbaas.delete(each, until)
        finally:
            self._forget(cluster_id)

    async def refusal(self, front: Front) -> str | None:
        return refused(front) or await self._ground.refusal(front.network)

    async def _parts(self, wanted: PoolWanted) -> Parts:
        front = wanted.front
        members = [
            member(each, await self._ground.subnet_of(each.address, front.network))
            for each in wanted.members
        ]
        return parts(front, members, self._installation)

    async def _standing(self, front: Front, wanted: Parts, until: float) -> Part:
        """Return the cluster's load balancer at rest, made if there is none."""
        found = await self._lbaas.found(front.cluster_id)
        if not found:
            order = {**wanted.created, **await self._ground.order(front.network)}
            return await self._lbaas.settled(await self._lbaas.create(order), until)
        for each in found[1:]:
            log(cluster=str(front.cluster_id)).warning("octavia.twice", balancer=each["id"])
            await self._lbaas.delete(each, until)
        return await self._lbaas.settled(found[0], until)

    async def _brought(self, balancer: Part, wanted: tuple[Front, Parts], until: float) -> None:
        """Change it until it is as wanted, one thing after the other."""
        front, then = wanted
        for _ in range(MOST_CHANGES):
            change = next_change(await self._lbaas.whole(balancer, front.cluster_id), then)
            if change is None:
                return
            await self._lbaas.change(change)
            balancer = await self._lbaas.settled(balancer, until)
            if balancer["provisioning_status"] == ERROR:
                raise Transient(f"Octavia calls load balancer {balancer['id']} {ERROR} after that")
        raise Transient(f"Octavia does not keep what load balancer {balancer['id']} is told")

    # Note [Out of an error]
    # One in ERROR takes no change, but may well go on serving. Octavia replaces what serves it if
    # asked, and if our role may ask; that is tried once. Where it does not help, the load balancer
    # is made anew at the same address, unless clients are served just as they are to be.
    async def _mended(self, balancer: Part, wanted: tuple[Front, Parts], until: float) -> Part:
        """Return it, or its successor, without error. See Note [Out of an error]."""
        front, then = wanted
        if balancer["id"] not in self._failed_over:
            asked = await self._lbaas.fail_over(balancer)
            self._failed_over.add(balancer["id"])
            if asked:
                balancer = await self._lbaas.settled(balancer, until)
                if balancer["provisioning_status"] != ERROR:
                    return balancer
        whole = await self._lbaas.whole(balancer, front.cluster_id)
        if balancer["operating_status"] in SERVES and next_change(whole, then) is None:
            raise Transient(f"load balancer {balancer['id']} is in {ERROR}, and serves as it is to")
        log(cluster=str(front.cluster_id)).warning("octavia.made_anew", balancer=balancer["id"])
        order = {**then.created, **await self._ground.order(front.network), **_same_place(balancer)}
        await self._lbaas.delete(balancer, until)
        return await self._lbaas.settled(await self._lbaas.create(order), until)

    async def _shown(self, balancer: Part, listed: Listed) -> Shown:
        cluster_id = owner(balancer)
        assert cluster_id
        listeners = listed.listeners.get(cluster_id, ())
        pool = leading(listeners, listed.pools.get(cluster_id, ()))
        members = await self._lbaas.members(pool["id"]) if pool else []
        floating = listed.floating.get(cluster_id)
        return Shown(
            balancer=balancer,
            listener=listeners[0] if listeners else None,
            members=members,
            stats=await self._lbaas.stats(balancer),
            address=str(floating["floating_ip_address"] if floating else balancer["vip_address"]),
        )

    def _forget(self, cluster_id: UUID) -> None:
        self._until = 0.0
        self._seen.pop(cluster_id, None)

    async def _recent(self) -> Listed:
        """Return what was listed a moment ago, or else list it."""
        async with self._looking:
            if self._listed is None or _now() >= self._until:
                self._listed = await self._look()
                self._until = _now() + FRESH_S
            return self._listed

    async def _look(self) -> Listed:
        balancers, listeners, pools, floating = await asyncio.gather(
            self._lbaas.all_of("loadbalancers"),
            self._lbaas.all_of("listeners"),
            self._lbaas.all_of("pools"),
            self._ground.floating(),
        )
        first = {x: each[0] for x, each in _by_cluster(balancers).items()}
        return Listed(
            balancers=first,
            listeners=_by_cluster(listeners),
            pools=_by_cluster(pools),
            floating=floating,
        )


def _by_cluster(every: Sequence[Part]) -> dict[UUID, tuple[Part, ...]]:
    found: dict[UUID, tuple[Part, ...]] = {}
    for each in sorted(every, key=lambda part: (part["created_at"], part["id"])):
        if cluster_id := owner(each):
            found[cluster_id] = (*found.get(cluster_id, ()), each)
    return found


def _same_place(balancer: Part) -> Part:
    if not balancer["vip_address"]:
        return {}
    return {"vip_subnet_id": balancer["vip_subnet_id"], "vip_address": balancer["vip_address"]}


def _now() -> float:
    return asyncio.get_running_loop().time()


def open_balancer(
    rest: Rest, grounds: Grounds, options: Options, clock: Clock, installation: UUID
) -> OctaviaBalancer:
    ground = Ground(rest, grounds, options, installation)
    return OctaviaBalancer(Lbaas(rest, clock, installation), ground, installation)

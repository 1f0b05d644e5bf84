"""The balancer port over a simulated world."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from muster.base.errors import Permanent
from muster.drivers.simulated.entries import Member, PoolPut, PoolRemoved, Tally
from muster.drivers.simulated.load import Account, latency, whole
from muster.drivers.simulated.machine import Machine
from muster.drivers.simulated.pools import Pool, Rush, held
from muster.drivers.simulated.world import World
from muster.model.pool import (
    Condition,
    Front,
    MemberSeen,
    MemberState,
    MemberWanted,
    PoolSeen,
    PoolWanted,
    Traffic,
    digest,
)

_NOTHING_DONE = Tally()


class SimulatedBalancer:
    def __init__(self, world: World, installation: UUID) -> None:
        self._world = world
        self._installation = installation

    async def list_pools(self) -> Sequence[UUID]:
        with self._world.call("list_pools"):
            self._world.look()
            pools = self._world.state.pools.items()
            return [one for one, pool in pools if pool.put.installation == self._installation]

    async def pool(self, cluster_id: UUID) -> PoolSeen | None:
        with self._world.call("pool", str(cluster_id)):
            now = self._world.look()
            pool = self._own(cluster_id)
            if pool is None:
                return None
            if pool.shown is None or now >= pool.shown_until:
                pool.shown = self._shown(pool, now)
                pool.shown_until = self._world.state.still_until(pool, now)
            return pool.shown

    async def put_pool(self, wanted: PoolWanted) -> str:
        front, world = wanted.front, self._world
        with world.call("put_pool", front.name), world.still() as now:
            no = self._refusal(front)
            if no:
                raise Permanent(no, cluster=front.cluster_id)
            pool = self._own(front.cluster_id)
            if not pool and front.cluster_id in world.state.pools:
                raise Permanent("another installation has a pool of this cluster")
            put = self._put(wanted, pool, now)
            if not pool or not _like(put, pool.put):
                world.write(put)
            return put.address

    async def remove_pool(self, cluster_id: UUID) -> None:
        with self._world.call("remove_pool", str(cluster_id)), self._world.still() as now:
            if self._own(cluster_id):
                self._world.write(PoolRemoved(now, cluster_id))

    async def refusal(self, front: Front) -> str | None:
        with self._world.call("refusal", front.name):
            return self._refusal(front)

    def _own(self, cluster_id: UUID) -> Pool | None:
        pool = self._world.state.pools.get(cluster_id)
        return pool if pool and pool.put.installation == self._installation else None

    def _refusal(self, front: Front) -> str | None:
        if not 1 <= front.port <= 65535:
            return f"port {front.port} is none: 1 to 65535 are"
        if front.port in self._world.options.taken_ports:
            return f"port {front.port} is taken"
        for name, pem in (("certificate", front.certificate), ("key", front.key)):
            if front.traffic is Traffic.HTTPS and pem and "-----BEGIN " not in pem:
                return f"the {name} cannot be read: it is not PEM"
        return None

    def _put(self, wanted: PoolWanted, pool: Pool | None, now: float) -> PoolPut:
        front = wanted.front
        before = {member.node_id: member for member in pool.put.members} if pool else {}
        rush = self._world.state.rush(front.cluster_id, now)
        return PoolPut(
            at=now,
            installation=self._installation,
            cluster_id=front.cluster_id,
            address=pool.put.address if pool else self._free_address(),
            port=front.port,
            digest=digest(front),
            members=tuple(
                self._member(member, before.get(member.node_id), rush) for member in wanted.members
            ),
        )

    def _member(self, wanted: MemberWanted, before: Member | None, rush: Rush) -> Member:
        """Return the member as it is to be written: one that drains knows since when."""
        member = Member(wanted.node_id, wanted.address, wanted.port)
        if wanted.state is MemberState.SERVE:
            return member
        same = before and (before.address, before.port) == (wanted.address, wanted.port)
        if before and same and before.drains:
            return before
        under_way = self._world.state.flowing(before, rush) if before and same else 0
        return msgspec.structs.replace(member, drains=True, since=rush.now, open=under_way)

    def _free_address(self) -> str:
        taken = {pool.put.address for pool in self._world.state.pools.values()}
        number = len(taken) + 1
        while (address := f"10.{255 - (number >> 16)}.{number >> 8 & 255}.{number & 255}") in taken:
            number += 1
        return address

    def _shown(self, pool: Pool, now: float) -> PoolSeen:
        state, put = self._world.state, pool.put
        account = state.counts(put.cluster_id, now)
        rush = state.rush(put.cluster_id, now)
        members = {
            member.node_id: self._member_shown(pool, member, rush, account)
            for member in put.members
        }
        return PoolSeen(
            cluster_id=put.cluster_id,
            address=put.address,
            port=put.port,
            front_digest=put.digest,
            members=members,
            requests=whole(account.requests),
            errors=whole(account.errors),
            waiting=sum(member.open_requests for member in members.values()),
        )

    def _member_shown(self, pool: Pool, member: Member, rush: Rush, account: Account) -> MemberSeen:
        state = self._world.state
        machine = state.by_address.get(member.address)
        name = machine.shown.ref if machine else ""
        tally = account.tallies.get(name, _NOTHING_DONE)
        on_purpose = held(pool, member, rush.now) if pool.held else 0
        return MemberSeen(
            node_id=member.node_id,
            address=member.address,
            port=member.port,
            state=MemberState.DRAIN if member.drains else MemberState.SERVE,
            condition=Condition.GOOD if self._well(machine, member, rush.now) else Condition.BAD,
            open_requests=on_purpose + state.flowing(member, rush),
            requests=whole(tally.requests),
            errors=whole(tally.errors),
            latency_s=latency(self._world.options.request_s, rush.busy) if tally.requests else None,
        )

    def _well(self, machine: Machine | None, member: Member, now: float) -> bool:
        if not machine or (machine.make.port and machine.make.port != member.port):
            return False
        return self._world.state.answer(machine, now) is None


def _like(one: PoolPut, other: PoolPut) -> bool:
    """Return whether two pools are the same, whenever they were put."""
    return msgspec.structs.replace(one, at=other.at) == other

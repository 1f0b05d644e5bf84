"""Octavia's API, as far as it is needed: what is there, one change of it, and waiting for that."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.openstack.answers import TAKEN, is_missing, status_of
from muster.drivers.openstack.octavia.course import Change, Whole, leading
from muster.drivers.openstack.octavia.shape import DELETING, INSTALLATION, Part, tags
from muster.drivers.openstack.rest import Call, Items, Rest

SERVICE = "load-balancer"
ROOT = "/lbaas"
BALANCERS = f"{ROOT}/loadbalancers"
PATIENCE_S = 22.0  # until who waits is told to come again: a step may take 30 s
FIRST_REST_S, LONGEST_REST_S = 0.2, 2.0  # between two looks at what Octavia is at
STUCK = timedelta(minutes=15)  # longer than Octavia itself takes for anything
FOR_ADMINS = "only an administrator of Octavia can have it go on"


class Lbaas:
    def __init__(
        self, rest: Rest, clock: Clock, installation: UUID, *, patience_s: float = PATIENCE_S
    ) -> None:
        self._rest = rest
        self._clock = clock
        self._installation = installation
        self._patience_s = patience_s

    def deadline(self) -> float:
        """Return until when, by the event loop's time, a call that begins now may wait."""
        return asyncio.get_running_loop().time() + self._patience_s

    async def all_of(self, kind: str) -> Items:
        """Return every load balancer, listener, or pool of this installation."""
        mark = f"{INSTALLATION}{self._installation}"
        return await self._rest.listed(SERVICE, f"{ROOT}/{kind}", kind, tags=mark)

    async def found(self, cluster_id: UUID) -> list[Part]:
        """Return the load balancers of a cluster, the one that counts first.

        There is more than one after a call that was thought lost.
        """
        every = await self._rest.listed(
            SERVICE, BALANCERS, "loadbalancers", tags=self._marks(cluster_id)
        )
        return sorted(every, key=lambda each: (each["created_at"], each["id"]))

    async def whole(self, balancer: Part, cluster_id: UUID) -> Whole:
        """Return it with all parts that are ours: what others added to it is theirs."""
        narrow = {"load_balancer_id": balancer["id"], "tags": self._marks(cluster_id)}
        listeners, pools = await asyncio.gather(
            self._rest.listed(SERVICE, f"{ROOT}/listeners", "listeners", **narrow),
            self._rest.listed(SERVICE, f"{ROOT}/pools", "pools", **narrow),
        )
        pool = leading(listeners, pools)
        return Whole(
            balancer=balancer,
            listeners=tuple(listeners),
            pools=tuple(pools),
            monitor=await self._monitor(pool) if pool else None,
            members=tuple(await self.members(pool["id"])) if pool else (),
        )

    async def members(self, pool_id: str) -> Items:
        return await self._rest.listed(SERVICE, f"{ROOT}/pools/{pool_id}/members", "members")

    async def stats(self, balancer: Part) -> Mapping[str, Any]:
        said = await self._rest.find(SERVICE, f"{BALANCERS}/{balancer['id']}/stats")
        return said["stats"] if said else {}

    async def create(self, body: Part) -> Part:
        said = await self._rest.post(SERVICE, BALANCERS, {"loadbalancer": body})
        found: Part = said["loadbalancer"]
        return found

    async def change(self, change: Change) -> None:
        path = f"{ROOT}{change.path}"
        call = Call(service=SERVICE, method=change.method, path=path, body=change.body)
        try:
            await self._rest.answer(call)
        except DriverError as error:
            if not is_missing(error) or change.method != "DELETE":
                raise

    async def fail_over(self, balancer: Part) -> bool:
        """Have Octavia replace what serves it, and return whether it may and will."""
        path = f"{BALANCERS}/{balancer['id']}/failover"
        try:
            await self._rest.answer(Call(service=SERVICE, method="PUT", path=path))
        except Permanent:  # by role, or its provider cannot
            return False
        return True

    async def delete(self, balancer: Part, until: float) -> None:
        """Delete it with all its parts, and wait until it is gone."""
        path = f"{BALANCERS}/{balancer['id']}"
        if balancer["provisioning_status"] != DELETING:
            try:
                await self._rest.delete(SERVICE, f"{path}?cascade=true")
            except DriverError as error:
                if status_of(error) != TAKEN:
                    raise
                await self._in_time(balancer, until)  # it has just changed, or is being deleted
                await self._rest.delete(SERVICE, f"{path}?cascade=true")
        await self._in_time(balancer, until, gone=True)

    async def settled(self, balancer: Part, until: float) -> Part:
        """Return it once Octavia is at it no longer; raises `Transient` if it goes on too long."""
        found = await self._in_time(balancer, until)
        if found is None:
            raise Transient(f"load balancer {balancer['id']} was deleted by somebody else")
        return found

    async def _in_time(self, balancer: Part, until: float, *, gone: bool = False) -> Part | None:
        """Return it when it is at rest, or None when it is gone."""
        rest_s, now = FIRST_REST_S, asyncio.get_running_loop().time
        while True:
            said = await self._rest.find(SERVICE, f"{BALANCERS}/{balancer['id']}")
            found: Part | None = said["loadbalancer"] if said else None
            if found is None:
                return None
            pending = found["provisioning_status"].startswith("PENDING")
            if not pending and not gone:
                return found
            if now() + rest_s > until:
                raise Transient(self._still(found))
            await asyncio.sleep(rest_s)
            rest_s = min(2 * rest_s, LONGEST_REST_S)

    def _still(self, balancer: Part) -> str:
        status, name = balancer["provisioning_status"], balancer["name"]
        since = datetime.fromisoformat(balancer["updated_at"] or balancer["created_at"])
        took = self._clock.now() - since.replace(tzinfo=UTC)
        text = f"load balancer {name} ({balancer['id']}) is {status}"
        if took > STUCK:
            return f"{text} for {took.total_seconds() // 60:.0f} minutes: {FOR_ADMINS}"
        return f"{text}: Octavia is still at it"

    async def _monitor(self, pool: Part) -> Part | None:
        if not pool.get("healthmonitor_id"):
            return None
        said = await self._rest.find(SERVICE, f"{ROOT}/healthmonitors/{pool['healthmonitor_id']}")
        return said["healthmonitor"] if said else None

    def _marks(self, cluster_id: UUID) -> str:
        return ",".join(tags(self._installation, cluster_id))

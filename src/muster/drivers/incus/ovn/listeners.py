"""What OVN networks have listening on their uplinks: load balancers and forwards."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from muster.base.errors import DriverError, Permanent
from muster.base.log import log
from muster.drivers.incus.answers import is_missing, is_of_a_peer, is_taken
from muster.drivers.incus.members import Members
from muster.drivers.incus.ovn.grounds import Ground, Grounds
from muster.drivers.incus.ovn.northbound import Change, Northbound
from muster.drivers.incus.ovn.shape import like
from muster.drivers.incus.rest import WRITE_S, Call, Rest

BALANCERS, FORWARDS = "load-balancers", "forwards"
ANOTHER = {BALANCERS: "another load balancer", FORWARDS: "a forward"}
AGAIN_S = 30.0  # until a database that did not answer is asked again by who only looks
REFUSED_S, LONGEST_S = 10.0, 300.0  # until Incus is asked again after a refusal, and the next ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """One load balancer or forward."""

    where: str  # its path in Incus
    said: Mapping[str, Any]  # what is in force
    past: bool = False  # Incus does not know all of that. See Note [Past Incus]
    stamp: str = ""  # of what Incus knows

    @property
    def address(self) -> str:
        return str(self.said["listen_address"])


class Listeners:
    def __init__(
        self, rest: Rest, grounds: Grounds, members: Members, northbound: Northbound
    ) -> None:
        self._rest = rest
        self._grounds = grounds
        self._members = members
        self._northbound = northbound
        self._choosing = asyncio.Lock()  # of an address
        self._held: Mapping[str, Mapping[str, Any]] = {}  # past Incus, by path in Incus
        self._look_at = 0.0  # when that is looked at again, all members being there
        self._ask_at = 0.0  # when Incus may take changes again. See Note [Asked in vain]
        self._patience = REFUSED_S

    async def listed(self, ground: Ground, kind: str) -> Sequence[Listener]:
        """Return all of that kind on the network, whosever they are."""
        known = await self._rest.find(ground.path(kind), recursion="1") or ()
        held = await self._past_incus() if known else {}
        paths = [ground.path(kind, each["listen_address"]) for each in known]
        return [
            Listener(where=where, said={**each, **held.get(where, {})}, past=where in held)
            for where, each in zip(paths, known, strict=True)
        ]

    async def stamped(self, listener: Listener) -> Listener:
        """Return it with a stamp by which a change of somebody else's is noticed."""
        said, stamp = await self._rest.stamped(listener.where)
        return replace(listener, said=listener.said if listener.past else said, stamp=stamp)

    async def health(self, listener: Listener) -> Mapping[str, Any]:
        """Return what OVN thinks of each backend of a load balancer, as far as Incus says it."""
        state = await self._rest.find(f"{listener.where}/state")
        return (state or {}).get("backend_health") or {}

    async def make(self, ground: Ground, kind: str, content: Mapping[str, Any]) -> str:
        """Make it at the first address that nobody has, and return that."""
        async with self._choosing:
            for address in await self._grounds.free(ground):
                new = {**content, "listen_address": address}
                call = Call(method="POST", path=ground.path(kind), body=new, deadline_s=WRITE_S)
                try:
                    await self._rest.put_into_effect(call)
                except DriverError as error:
                    if is_taken(error):
                        continue
                    raise
                return address
        raise Permanent(f"no address of {ground.uplink} is free for {ANOTHER[kind]}")

    # Note [Asked in vain]
    # A change that Incus refuses is in OVN for a moment, and then all is as Incus knows it, until
    # we write again. So it is not asked while it calls a member dead. One without power that was
    # evacuated before it calls evacuated, and one that has just died it calls online: those a
    # refusal tells us of, and after each it is longer until the next is risked.
    async def takes_changes(self) -> bool:
        """Return whether Incus is to be asked for a change. See Note [Asked in vain]."""
        if asyncio.get_running_loop().time() < self._ask_at:
            return False
        return not (await self._members.roster()).dead

    async def change(self, listener: Listener, content: Mapping[str, Any]) -> Listener:
        """Bring it to that content, past Incus where that takes no changes, and return it so.

        See Note [Past Incus].
        """
        if like(listener.said, content) and not listener.past:
            return listener
        asks = await self.takes_changes() or not await self._northbound.is_known()
        if like(listener.said, content) and not asks:
            return listener
        change = Change(listener.where, listener.address, content)
        changed = replace(listener, said={**listener.said, **content}, past=False, stamp="")
        if asks and await self._told(listener, content):
            if listener.past:
                await self._settle(change)
            return changed
        self._look_at = 0.0
        await self._northbound.put(change)
        log(listener=listener.where).info("ovn.changed_past_incus")
        return replace(changed, past=True)

    async def remove(self, where: str) -> None:
        try:
            await self._rest.put_into_effect(Call(method="DELETE", path=where, deadline_s=WRITE_S))
        except DriverError as error:
            if not is_missing(error):
                raise

    async def _told(self, listener: Listener, content: Mapping[str, Any]) -> bool:
        """Have Incus change it, and return False where it refuses because of another member."""
        held = {"If-Match": listener.stamp} if listener.stamp else {}
        where, body = listener.where, dict(content)
        try:
            await self._rest.put_into_effect(
                Call(method="PUT", path=where, body=body, headers=held, deadline_s=WRITE_S)
            )
        except DriverError as error:
            if not (is_of_a_peer(error) and await self._northbound.is_known()):
                raise
            self._ask_at = asyncio.get_running_loop().time() + self._patience
            self._patience = min(2 * self._patience, LONGEST_S)
            return False
        self._patience = REFUSED_S
        return True

    async def _settle(self, change: Change) -> None:
        """Take our mark off where Incus knew all of it already, and so made no new row."""
        if change.where in await self._northbound.held():
            await self._northbound.put(replace(change, lasting=True))

    async def _past_incus(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what is in force past Incus; that can begin only while a member is away."""
        now = asyncio.get_running_loop().time()
        if now >= self._look_at or self._members.some_are_dead():
            try:
                self._held = await self._northbound.held()
            except DriverError as error:
                log().warning("ovn.unreachable", reason=error.text)
                self._look_at = now + AGAIN_S
            else:
                self._look_at = 0.0 if self._held else inf
        return self._held

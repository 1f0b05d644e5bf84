"""What is left of servers that are gone: found, given its time, and deleted beside everything."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar
from uuid import UUID

from muster.base.errors import DriverError
from muster.base.log import log
from muster.drivers.openstack.listing import Records
from muster.drivers.openstack.options import Options
from muster.drivers.openstack.parts import Parts
from muster.drivers.openstack.ports import Ports
from muster.drivers.openstack.tags import Tags, read
from muster.drivers.openstack.volumes import OpenStackVolumes
from muster.model.step import ServerOrder

T = TypeVar("T", bound=Hashable)


class Patience(Generic[T]):
    """Since when things have been without who uses them."""

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._since: dict[T, float] = {}

    def due(self, unused: Collection[T], now: float, leaving: Collection[T]) -> list[T]:
        """Return those that have been so for long enough, or whose user we know to be gone."""
        self._since = {each: self._since.get(each, now) for each in unused}
        return [
            each
            for each, since in self._since.items()
            if each in leaving or now - since >= self._grace_s
        ]


# Note [Swept beside]
# What a server leaves behind goes when a listing shows that the server has gone, whoever deleted
# it: Nova keeps ports that it did not make, key pairs and groups. To delete 200 of those takes a
# minute, and a look at servers must not wait for it: so it is done beside, one sweep at a time.
# Another process may be about to make a server of what is without one. So what we did not see
# leave is given `port_grace_s` first.
class Sweeper:
    """See Note [Swept beside]."""

    def __init__(
        self, parts: tuple[Ports, Parts, OpenStackVolumes], options: Options, cloud: str
    ) -> None:
        self._ports, self._parts, self._volumes = parts
        self._options = options
        self._cloud = cloud
        grace = options.port_grace_s
        self._of_servers: Patience[UUID] = Patience(grace)
        self._of_names: Patience[str] = Patience(grace)
        self.turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)  # by server
        self._coming: dict[UUID, ServerOrder] = {}
        self._since: dict[UUID, ServerOrder] = {}  # that were coming at any time of this sweep
        self._leaving: dict[UUID, Tags] = {}
        self._task: asyncio.Task[None] | None = None
        self._again_at = 0.0

    def comes(self, order: ServerOrder) -> None:
        self._coming[order.server_id] = self._since[order.server_id] = order
        self._leaving.pop(order.server_id, None)

    def came(self, order: ServerOrder) -> None:
        self._coming.pop(order.server_id, None)

    def leaves(self, tags: Tags) -> None:
        self._leaving[tags.server] = tags

    def begin(self, records: Records) -> None:
        """Sweep, if there is anything to be swept or it is time, unless it is being done."""
        now = asyncio.get_running_loop().time()
        if self._task is not None and not self._task.done():
            return
        there = [tags for each in records.values() if (tags := read(each["metadata"]))]
        gone = self._leaving.keys() - {tags.server for tags in there}
        if not gone and now < self._again_at:
            return
        self._again_at = now + self._options.whole_every_s
        self._task = asyncio.create_task(self._sweep(there, gone))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _sweep(self, there: Collection[Tags], gone: Collection[UUID]) -> None:
        left = [self._leaving[each] for each in gone if each in self._leaving]
        self._since = dict(self._coming)
        try:
            await self._servers(there, left)
            await self._names(there, left)
        except DriverError as error:
            self._tell(error)
            return
        for each in left:
            self._leaving.pop(each.server, None)

    # Cinder may keep a volume in `error_deleting` for good: that holds up nothing but itself.
    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell of what cannot be deleted; it is tried again once its time has come."""
        try:
            yield
        except DriverError as error:
            self._tell(error)

    def _tell(self, error: DriverError) -> None:
        log(cloud=self._cloud).warning("openstack.not_swept", reason=error.text)

    async def _servers(self, there: Collection[Tags], left: Collection[Tags]) -> None:
        """Delete ports, floating addresses, and disks that went with a server."""
        held = await self._ports.held()
        kept = await self._volumes.keepers()
        used = {tags.server for tags in there} | self._since.keys()
        unused = (held.ports.keys() | kept.keys()) - used
        for each in self._due(self._of_servers, unused, {tags.server for tags in left}):
            async with self.turns[each]:
                if each in self._since:
                    continue
                with self._told():
                    await self._ports.drop(each, held)
                with self._told():
                    await self._volumes.drop(kept.get(each, ()))
            self.turns.pop(each, None)
        await self._ports.drop_loose(held)

    async def _names(self, there: Collection[Tags], left: Collection[Tags]) -> None:
        """Delete key pairs and server groups that no server is made with."""
        found = await self._parts.names()
        named = self._parts.named
        used = {name for tags in there for name in named(tags.key, tags.group)}
        gone = {name for tags in left for name in named(tags.key, tags.group)}
        for name in self._due(self._of_names, found.keys() - used - self._awaited(), gone):
            async with self._parts.turns[name]:
                if name in self._awaited():
                    continue
                with self._told():
                    await self._parts.drop(name, found[name])

    def _awaited(self) -> set[str]:
        """Return the names of what servers are just being made with."""
        named, key_name = self._parts.named, self._parts.key_name
        return {
            name
            for each in self._since.values()
            for name in named(key_name(each.spec.public_key), _group(each))
        }

    def _due(self, patience: Patience[T], unused: Collection[T], gone: Collection[T]) -> list[T]:
        return patience.due(unused, asyncio.get_running_loop().time(), gone)


def _group(order: ServerOrder) -> str:
    return str(order.group.id) if order.group else ""

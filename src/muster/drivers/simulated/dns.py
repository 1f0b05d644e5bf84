"""The DNS port over a simulated world."""

from collections.abc import Sequence
from uuid import UUID

from muster.base.errors import Permanent
from muster.drivers.simulated.entries import RecordDropped, RecordPut
from muster.drivers.simulated.world import World
from muster.model.observed import Record

STRANGER = UUID(int=0)


class SimulatedDns:
    def __init__(self, world: World, installation: UUID) -> None:
        self._world = world
        self._installation = installation

    async def list_records(self) -> Sequence[Record]:
        with self._world.call("list_records"):
            self._world.look()
            records = self._world.state.records.values()
            return [self._shown(r) for r in records if r.installation == self._installation]

    async def record(self, name: str) -> Record | None:
        name = plain(name)
        with self._world.call("record", name):
            self._world.look()
            found = self._world.state.records.get(name)
            return self._shown(found) if found else None

    async def put_record(self, name: str, address: str, owner: UUID) -> None:
        name = plain(name)
        with self._world.call("put_record", name), self._world.still() as now:
            held = self._world.state.records.get(name)
            if held and self._shown(held).owner != owner:
                raise Permanent(f"{name} is held by somebody else", name=name)
            if not held or held.address != address:
                self._world.write(RecordPut(now, self._installation, name, address, owner))

    async def drop_record(self, name: str, owner: UUID) -> None:
        name = plain(name)
        with self._world.call("drop_record", name), self._world.still() as now:
            held = self._world.state.records.get(name)
            if held and self._shown(held).owner == owner:
                self._world.write(RecordDropped(now, name))

    def _shown(self, entry: RecordPut) -> Record:
        ours = entry.installation == self._installation
        return Record(
            name=entry.name, address=entry.address, owner=entry.owner if ours else STRANGER
        )


def plain(name: str) -> str:
    return name.rstrip(".").lower()

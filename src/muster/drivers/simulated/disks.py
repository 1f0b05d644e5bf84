"""The volumes of a simulated world, as the entries applied so far have made them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from muster.drivers.simulated import entries as e
from muster.model.volume import Volume


class Disks:
    """Which volumes there are, of which installation, and which machine has them."""

    def __init__(self) -> None:
        self._known: dict[UUID, e.VolumePut] = {}
        self._of: dict[str, set[UUID]] = {}  # by the machine that has them

    def put(self, entry: e.VolumePut) -> None:
        self.drop(entry.id)
        self._known[entry.id] = entry
        if entry.server_ref:
            self._of.setdefault(entry.server_ref, set()).add(entry.id)

    def drop(self, volume_id: UUID) -> None:
        known = self._known.pop(volume_id, None)
        if known and known.server_ref:
            self._of[known.server_ref].discard(volume_id)

    def let_go(self, machine: str) -> None:
        """Have a machine that is gone hold nothing: its own go with it, the others stay."""
        for volume_id in self._of.pop(machine, ()):
            known = self._known.pop(volume_id)
            if known.keeper is None:
                self._known[volume_id] = e.released(known)

    def all(self) -> Iterator[e.VolumePut]:
        yield from self._known.values()

    def find(self, installation: UUID, volume_id: UUID) -> e.VolumePut | None:
        known = self._known.get(volume_id)
        return known if known and known.installation == installation else None


def shown(entry: e.VolumePut, zone: str) -> Volume:
    volume = Volume(
        id=entry.id,
        ref=f"vol-{entry.id.hex}",
        name=entry.name,
        project=entry.project,
        size_gib=entry.size_gib,
        host=entry.host,
        zone=zone,
        keeper=entry.keeper,
        node_id=entry.node_id,
        created=datetime.fromtimestamp(entry.made_at, UTC),
    )
    path = entry.path if entry.server_ref else ""
    return replace(volume, server_ref=entry.server_ref, path=path)

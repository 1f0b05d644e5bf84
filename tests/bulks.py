"""`a_bulk()`: a valid change of some servers, with only what matters spelled out."""

from typing import Any
from uuid import UUID

from builders import NOW
from muster.model.bulk import Bulk, Turn


def a_bulk(*names: str, **but: Any) -> Bulk:
    plain = {
        "id": UUID(int=900),
        "cluster_id": UUID(int=870),
        "cluster": "c1",
        "action": "add_multipath_storage_target",
        "arguments": {"wwn": "0x5000c500a1b2c3d4"},
        "servers": tuple(
            Turn(machine_id=UUID(int=801 + number), name=name) for number, name in enumerate(names)
        ),
        "created_at": NOW,
    }
    return Bulk(**plain | but)

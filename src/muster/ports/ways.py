"""Ways from outside to servers that their network hides."""

from collections.abc import Collection
from typing import Protocol
from uuid import UUID


class Ways(Protocol):
    async def list_ways(self) -> Collection[UUID]:
        """Return the servers of this installation that a way leads to, or led: some may be gone."""
        ...

    async def close_ways(self, server_id: UUID) -> None:
        """Have none lead to that server any more; nothing to close is no error."""
        ...

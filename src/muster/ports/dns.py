"""Names, as far as Muster cares about them."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from muster.model.observed import Record


class Dns(Protocol):
    """Every call may raise `DriverError`."""

    async def list_records(self) -> Sequence[Record]:
        """Return every record of this installation."""
        ...

    async def record(self, name: str) -> Record | None:
        """Return what stands under `name`, ours or not; `owner` is UUID(int=0) if not."""
        ...

    async def put_record(self, name: str, address: str, owner: UUID) -> None:
        """Publish the name. Raises `Permanent` if somebody else holds it."""
        ...

    async def drop_record(self, name: str, owner: UUID) -> None:
        """Withdraw the name if it is `owner`'s. Gone, or another's, is no error."""
        ...

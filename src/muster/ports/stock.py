"""What one cluster of Incus has, as any of its members tells it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class News:
    """What was told since it was last asked; `missed`: some of it may not have been heard."""

    events: Sequence[Any] = ()
    missed: bool = False


class Stock(Protocol):
    async def read(self, path: str) -> Any:
        """Return what is at a path of Incus, by whichever member answers.

        Raises `Transient` where none does, and `Permanent` with the status in its details.
        """
        ...

    async def heard(self) -> News:
        """Wait until something is told. It begins to listen when it is first asked."""
        ...

    async def close(self) -> None: ...

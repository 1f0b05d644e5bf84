"""What a cloud is at just now, as far as Muster cares about it."""

from collections.abc import Sequence
from typing import Protocol

from muster.model.task import Task


class Tasks(Protocol):
    """Every call may raise `DriverError`."""

    async def list_tasks(self) -> Sequence[Task]:
        """Return everything that is under way, whoever asked for it; the oldest first."""
        ...

    async def cancel_task(self, id: str) -> None:
        """Have it end before it is done.

        Raises `Permanent` for one that is not there, or that the cloud sees through to its end.
        """
        ...

    async def progressed(self) -> Sequence[Task]:
        """Wait for news of what this process has asked for and what takes long; return that.

        What is over by the time it is asked for is left out: who waits for it is told.
        """
        ...

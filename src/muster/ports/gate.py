"""The servers that a machine becomes one of, as far as letting it in goes."""

from collections.abc import Sequence
from typing import Protocol

from muster.model.enrolment import Grant, Seat


class Gate(Protocol):
    """Every call may raise `DriverError`, and may be repeated."""

    async def seats(self) -> Sequence[Seat]:
        """Return the members there are."""
        ...

    async def admit(self, name: str) -> Grant:
        """Return what a machine of that name joins with; an earlier one is good no more."""
        ...

    async def withdraw(self, name: str) -> None:
        """Have nothing be left of a machine of that name. One that never came is no error."""
        ...

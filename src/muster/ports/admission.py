"""Taking clouds on, and letting go of them, while everything runs."""

from collections.abc import Mapping
from typing import Any, Protocol

from muster.model.admission import CloudAsk


class Admission(Protocol):
    def admitted(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the clouds that were taken on by somebody's asking, with their options."""
        ...

    async def admit(self, ask: CloudAsk) -> None:
        """Make the cloud's acquaintance, open it, and have everybody know it from now on.

        It is there after a restart. Raises `Invalid` naming what is wrong, and what to do;
        then nothing of it is kept.
        """
        ...

    async def dismiss(self, name: str) -> None:
        """Let go of a cloud that was admitted; what it has stays as it is, looked after no more."""
        ...

"""What Incus tells by itself: that something happened to an instance of ours, within moments."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from muster.drivers.incus.lines import Lines

AGAIN_S = 0.6
# What may have made an instance another than it was listed as.
TELLING = frozenset(
    {
        "instance-deleted",
        "instance-paused",
        "instance-restarted",
        "instance-resumed",
        "instance-shutdown",
        "instance-started",
        "instance-stopped",
    }
)
_MEMBER = "cluster-member-"


# Note [Told too early]
# The end of an instance is told a moment before it is shown as stopped. So whoever waits is
# woken for the news, and once more a little later.
class News:
    """See Note [Told too early]."""

    def __init__(self, lines: Lines, concerns: Callable[[str], bool]) -> None:
        self._lines = lines
        self._concerns = concerns  # whether what happens to this instance is news to us
        self._stir = asyncio.Event()
        lines.tell(self)

    async def stirred(self) -> None:
        """Begins to listen when it is first asked."""
        self._lines.begin()
        await self._stir.wait()
        self._stir.clear()

    def hear(self, said: Mapping[str, Any]) -> None:
        if said.get("type") != "lifecycle":
            return
        told = said.get("metadata") or {}
        action = str(told.get("action") or "")
        name = str(told.get("name") or str(told.get("source") or "").rpartition("/")[2])
        of_ours = action in TELLING and self._concerns(name)
        if of_ours or action.startswith(_MEMBER):
            self._stir.set()
            asyncio.get_running_loop().call_later(AGAIN_S, self._stir.set)

    def miss(self) -> None:
        self._stir.set()

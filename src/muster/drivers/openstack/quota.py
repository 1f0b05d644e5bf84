"""What the project may still have, asked before anything is made."""

import asyncio
from collections.abc import Mapping
from typing import Any

from muster.base.errors import Transient
from muster.drivers.openstack.rest import Rest
from muster.model.catalog import Flavor

KEPT_S = 5.0
# What Nova calls a limit and what is used of it, and what it is called here.
LIMITS = (
    ("maxTotalInstances", "totalInstancesUsed", "servers"),
    ("maxTotalCores", "totalCoresUsed", "processors"),
    ("maxTotalRAMSize", "totalRAMUsed", "MiB of memory"),
)


class Quota:
    """Counts with what Nova says and with what was asked for since."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._said: Mapping[str, Any] = {}
        self._until = 0.0
        self._promised = [0, 0, 0]
        self._turn = asyncio.Lock()

    async def take(self, name: str, flavor: Flavor) -> None:
        """Count one more server in; raises `Transient` where that is more than the quota."""
        async with self._turn:
            await self._look()
            needs = (1, int(flavor.vcpus), flavor.memory_mib)
            for (most, used, what), need, promised in zip(
                LIMITS, needs, self._promised, strict=True
            ):
                limit = int(self._said.get(most, -1))
                if 0 <= limit < int(self._said.get(used, 0)) + promised + need:
                    text = f"no room for {name}: the project's quota is {limit} {what}"
                    raise Transient(text, full=True)
            self._promised = [a + b for a, b in zip(self._promised, needs, strict=True)]

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._until:
            self._said = (await self._rest.get("compute", "/limits"))["limits"]["absolute"]
            self._promised = [0, 0, 0]
            self._until = now + KEPT_S

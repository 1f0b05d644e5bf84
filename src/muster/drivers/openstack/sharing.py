"""One answer for all who ask in the same moment."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


# Note [One listing for all]
# Many clusters are looked at, and many servers made, in the same moment, and each wants to know
# what there is now. A listing that began before the question may miss what was done in between;
# so whoever asks while one is under way waits for the next, and all of them share that one.
class Shared(Generic[T]):
    """See Note [One listing for all]."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def get(self) -> T:
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
        return await asyncio.shield(self._next)

    async def _after(self, earlier: asyncio.Task[T] | None) -> T:
        if earlier is not None:
            await asyncio.wait([earlier])
        self._running, self._next = self._next, None
        return await self._ask()

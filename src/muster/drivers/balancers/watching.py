"""Looking after load balancers for ever, whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable

from muster.base.enduring import enduring


async def look_again_and_again(every_s: float, look: Callable[[int], Awaitable[None]]) -> None:
    """Look every so often, for ever; `look` is told how many looks there were.

    A look that fails is told in the log and ends nothing: without the next one no load balancer
    that dies would be started again.
    """
    looks = 0
    while True:
        looks += 1
        with enduring("balancers", OSError):  # no more open files, for instance
            await look(looks)
        await asyncio.sleep(every_s)

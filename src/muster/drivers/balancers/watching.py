"""Looking after load balancers for ever, whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable

from muster.base.errors import DriverError
from muster.base.log import log


async def look_again_and_again(every_s: float, look: Callable[[int], Awaitable[None]]) -> None:
    """Look every so often, for ever; `look` is told how many looks there were.

    A look that fails is told in the log and ends nothing: without the next one no load balancer
    that dies would be started again.
    """
    looks = 0
    while True:
        looks += 1
        try:
            await look(looks)
        except (DriverError, OSError) as error:  # no more open files, for instance
            log().warning("balancers.trouble", reason=str(error))
        await asyncio.sleep(every_s)

"""Muster's own certificate, looked after for as long as a process serves."""

import asyncio

from muster.base.enduring import enduring
from muster.service.desk import Desk
from muster.service.provisioning import certifying

EVERY_S = 5.0


async def follow(desk: Desk) -> None:
    """Get another certificate whenever that is due, for ever."""
    while True:
        await asyncio.sleep(EVERY_S)
        with enduring("acme"):
            await certifying.look(desk)

"""How much a process logs: as its settings say, or as all servers are told while they run."""

import asyncio

from muster.base.enduring import enduring
from muster.base.log import log, set_up
from muster.model.system import LOG_LEVEL
from muster.ports.store import Store
from muster.settings import Settings

EVERY_S = 5.0


async def follow(store: Store, settings: Settings) -> None:
    """Log as much as is wanted, for ever."""
    now = settings.log_level
    while True:
        with enduring("loudness"):
            now = await turned(store, settings, now)
        await asyncio.sleep(EVERY_S)


async def turned(store: Store, settings: Settings, now: str) -> str:
    """Log as much as is wanted; return how much that is, `now` being how much it was."""
    said = await store.read(lambda tx: tx.settings.get(LOG_LEVEL))
    wanted = said or settings.log_level
    if wanted != now:
        set_up(wanted, settings.log_format)
        log().info("loudness.changed", level=wanted)
    return wanted

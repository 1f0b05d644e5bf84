"""Waking whoever waits in this process."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary


@dataclass(slots=True)
class _Topic:
    """How often it was woken, and how much of that whoever waits has seen."""

    wakes: int = 0
    seen: int = 0  # by tasks that wait for the first time
    seen_by: WeakKeyDictionary[Any, int] = field(default_factory=WeakKeyDictionary)
    waiting: set[asyncio.Future[None]] = field(default_factory=set)


class LocalSignal:
    """Remembers for each task that has waited before what it has seen, so that one
    that was busy when the wake came does not miss it because another was quicker."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = defaultdict(_Topic)

    def wake(self, topic: str) -> None:
        about = self._topics[topic]
        about.wakes += 1
        for waiter in about.waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, topic: str, timeout_s: float) -> bool:
        about, task = self._topics[topic], asyncio.current_task()
        seen = about.seen_by.get(task, about.seen)
        if about.wakes == seen:
            await _woken(about, timeout_s)
        if task not in about.seen_by:
            about.seen = about.wakes
        about.seen_by[task] = about.wakes
        return about.wakes != seen


async def _woken(about: _Topic, timeout_s: float) -> None:
    waiter = asyncio.get_running_loop().create_future()
    about.waiting.add(waiter)
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(waiter, timeout_s)
    finally:
        about.waiting.discard(waiter)

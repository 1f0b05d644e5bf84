"""A deadline for a call, at no cost where the call does not have to wait."""

import asyncio
from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


# Note [Answered at once]
# A deadline takes a timer, which costs more than many a call that is answered from memory. So a
# call is begun without one, and gets it when it waits for the first time: until then nobody
# could have stopped it anyway.
async def within(seconds: float, call: Coroutine[Any, None, T]) -> T:
    """Return what `call` brings; raises `TimeoutError` if it waits for longer.

    See Note [Answered at once].
    """
    try:
        waits_for = call.send(None)
    except StopIteration as end:
        answer: T = end.value
        return answer
    async with asyncio.timeout(seconds):
        return await _Begun(call, waits_for)


class _Begun(Generator[Any, None, T], Generic[T]):
    """A call that has come to wait, to be awaited to its end."""

    def __init__(self, call: Coroutine[Any, None, T], waits_for: Any) -> None:
        self._call = call
        self._waits_for = waits_for
        self._told = False  # whoever runs us knows what is waited for

    def __await__(self) -> Generator[Any, None, T]:
        return self

    def send(self, value: None) -> Any:
        if self._told:
            return self._call.send(value)
        self._told = True
        return self._waits_for

    def throw(self, kind: Any, error: Any = None, where: TracebackType | None = None) -> Any:
        return self._call.throw(kind if error is None else error)

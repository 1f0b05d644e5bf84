"""Playing fate: every call of the engine to its cloud and its store can be met by an accident."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from muster.ports.cloud import Cloud


class PowerCut(BaseException):
    """Not an Exception: nothing may catch it, as nothing catches a real one."""


Meets = Callable[[str, str], Awaitable[None]]  # ("before" or "after", name of the call)


class Fated:
    """A port whose every call meets fate before it happens, and again after."""

    def __init__(self, port: Any, meets: Meets) -> None:
        self._port = port
        self._meets = meets

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._port, name)

        async def fated(*args: Any, **named: Any) -> Any:
            await self._meets("before", name)
            answer = await call(*args, **named)
            await self._meets("after", name)
            return answer

        return fated


def fated(cloud: Cloud, meets: Meets) -> Cloud:
    return replace(
        cloud,
        compute=Fated(cloud.compute, meets),
        balancer=Fated(cloud.balancer, meets),
        dns=Fated(cloud.dns, meets),
        prober=Fated(cloud.prober, meets),
    )


class CutAt:
    """The power goes at the nth moment; counting them is how many there are."""

    def __init__(self, nth: int | None = None) -> None:
        self.nth = nth
        self.moments: list[str] = []

    async def __call__(self, when: str, name: str) -> None:
        self.moments.append(f"{when} {name}")
        if self.nth is not None and len(self.moments) >= self.nth + 1:
            raise PowerCut


class CutAfter:
    """The power goes once a call of this name was obeyed for the nth time."""

    def __init__(self, name: str, nth: int = 1) -> None:
        self._name = name
        self._left = nth

    async def __call__(self, when: str, name: str) -> None:
        if (when, name) == ("after", self._name):
            self._left -= 1
        if self._left <= 0:
            raise PowerCut


class Once:
    """Does something at the first such moment, and nothing ever after."""

    def __init__(self, when: str, name: str, does: Callable[[], Awaitable[Any]]) -> None:
        self._at = (when, name)
        self._does = does
        self.done = False

    async def __call__(self, when: str, name: str) -> None:
        if (when, name) == self._at and not self.done:
            self.done = True
            await self._does()

"""The agent: what it remembers, the nouns it knows, and who answers which request."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from muster.agent import certificate
from muster.agent.calls import Calls, HttpCalls
from muster.agent.envelope import Answer, Asked, success
from muster.agent.failures import WrongMethod
from muster.agent.keeper import Keeper
from muster.agent.machine import Machine
from muster.base.errors import NotFound


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str  # a part in braces takes any word
    answer: "Callable[[Agent, Asked], object]"
    about: str


@dataclass(frozen=True, slots=True)
class Chore:
    """What is looked after now and then, in a thread of its own: nothing waits for it."""

    do: "Callable[[Agent], None]"
    every_s: float


@dataclass
class Agent:
    machine: Machine
    keeper: Keeper
    routes: tuple[Route, ...]
    chores: tuple[Chore, ...] = ()
    calls: Calls = field(default_factory=HttpCalls)
    own: tuple[str, int] = ("", 0)  # where it is asked by TLS, if it is; "": everywhere
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("muster.agent"))

    def start(self) -> None:
        """Take up where the last agent ended, whole changes or none."""
        self.keeper.start()

    def trusted(self) -> Mapping[str, str]:
        return certificate.trusted(self.machine)

    def answer(
        self, method: str, path: str, query: Mapping[str, str], said: tuple[Any, str]
    ) -> Answer:
        """Answer a request; `said` is its body, and what stands before the paths of answers."""
        parts = path.strip("/").split("/")
        found = [(route, _fitting(route.path, parts)) for route in self.routes]
        fitting = [(route, names) for route, names in found if names is not None]
        if not fitting:
            raise NotFound(f"there is no {path}")
        for route, names in fitting:
            if route.method == method:
                body, prefix = said
                return success(route.answer(self, Asked(names, query, body, prefix)))
        raise WrongMethod(f"{method} is not done at {path}")


def _fitting(pattern: str, parts: list[str]) -> dict[str, str] | None:
    """Return the names that a path gives to a pattern's parts; None where it does not fit."""
    wanted = pattern.strip("/").split("/")
    if len(wanted) != len(parts):
        return None
    names = {}
    for want, part in zip(wanted, parts, strict=True):
        if want.startswith("{") and not part.startswith(":"):
            names[want.strip("{}")] = part
        elif want != part:
            return None
    return names

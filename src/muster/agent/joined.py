"""This machine in a network of others, by a program that logs in with a key and stays there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from muster.agent.machine import HOME, Machine
from muster.agent.said import wrong
from muster.agent.steps import Act, Acts, File, Put, Unit, run, started

WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Sight:
    runs: bool


@dataclass(frozen=True, slots=True)
class Membership:
    """What differs from program to program. `secret` is the field of the key.

    Read from a file, a key is in no list of processes and in no log.
    """

    program: str
    unit: str
    secret: str
    joining: Callable[[Any], tuple[str, ...]]
    leaving: tuple[str, ...]
    is_joined: Callable[[Any], bool]  # by what its `status --json` tells
    deaf: bool = False  # one that has joined has to leave before it hears of other settings

    @property
    def key(self) -> str:
        return f"{HOME}/{self.program}.key"

    def look(self, machine: Machine, config: Any) -> Sight:
        return Sight(self.is_joined(machine.told(self.program, "status", "--json") or {}))

    def check(self, config: Any) -> None:
        if config.enabled and not getattr(config, self.secret):
            raise wrong(f"config.{self.secret}", "is required")

    def files(self, config: Any, seen: object) -> Iterator[File]:
        if config.enabled:
            yield Put(self.key, f"{getattr(config, self.secret)}\n", 0o600)

    def acts(self, old: Any, new: Any, seen: Sight, changed: frozenset[str]) -> Acts:
        leaving = run(*self.leaving, undo=self.joining(old), timeout_s=WITHIN_S)
        if old.enabled and not new.enabled:
            return Acts(first=(leaving,))
        if not new.enabled or (new == old and seen.runs):
            return Acts()
        first = (leaving,) if self.deaf and old.enabled and seen.runs else ()
        back = self.joining(old) if old.enabled and not self.deaf else self.leaving
        joining = run(*self.joining(new), undo=back, timeout_s=WITHIN_S)
        return Acts(first, (*started(self.unit), joining))

    def reset(self, config: Any) -> Iterator[Act]:
        yield Unit("restart", self.unit)

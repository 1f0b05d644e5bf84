"""Having a placement problem solved, without waiting on the processor oneself."""

from collections.abc import Callable
from typing import Protocol

from muster.model.placing import USUAL, Answer, Limit, Problem, Progress

Tell = Callable[[Progress], None]


def nobody(progress: Progress) -> None:
    """Take note of nothing."""


class Solver(Protocol):
    async def solve(self, problem: Problem, limit: Limit = USUAL, tell: Tell = nobody) -> Answer:
        """Return a placement, a proof that there is none, or how far the limit let it come.

        Bounded in time by the limit and little more; cancelled, the search stops. `tell` is
        called now and then by the way. Raises `Transient` where the search broke down.
        """
        ...

    async def close(self) -> None:
        """End every search that is under way."""
        ...

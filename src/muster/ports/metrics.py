"""Where readings come from that neither a cloud nor a balancer has."""

from typing import Protocol


class Metrics(Protocol):
    async def value(self, query: str) -> float | None:
        """Return the one number that the query gives now, None where it gives none.

        Bounded in time. Raises `Permanent` where the query is wrong or gives many numbers,
        `Transient` where nobody answers.
        """
        ...

"""Asking applications how they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from muster.model.pool import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    node_id: UUID
    server_id: UUID
    address: str
    port: int
    path: str
    traffic: Traffic
    method: str = "GET"
    codes: str = ""  # what counts as well: "200", "200,202", "200-204"; "": 200 to 399


class Prober(Protocol):
    async def ask(self, questions: Sequence[Question]) -> Mapping[UUID, str | None]:
        """Return per node id why its application is not well, or None where it is.

        Bounded in time; never raises for an application that does not answer.
        """
        ...

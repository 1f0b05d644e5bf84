"""Asking applications how they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from muster.base.copies import Value
from muster.model.pool import Traffic


class Question(Value, frozen=True, kw_only=True):
    node_id: UUID
    server_id: UUID
    address: str
    port: int
    path: str
    traffic: Traffic
    method: str = "GET"
    codes: str = ""  # what counts as well: "200", "200,202", "200-204"; "": 200 to 399


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """An address to be polled for one node."""

    node_id: UUID
    url: str
    expect: str = ""  # a pattern to be found in the answer; "": any answer will do
    refused_is_ill: bool = True  # no connection, or an answer that says no
    tries: int = 3
    pause_s: float = 3  # between tries
    verify: bool = True  # the certificate


class Visitor(Protocol):
    async def visit(self, visit: Visit) -> str | None:
        """Return why the node is not well by what the address answers, or None where it is.

        Takes as long as the tries and the pauses between them; never raises for an address
        that does not answer.
        """
        ...


class Prober(Protocol):
    async def ask(self, questions: Sequence[Question]) -> Mapping[UUID, str | None]:
        """Return per node id why its application is not well, or None where it is.

        Bounded in time; never raises for an application that does not answer.
        """
        ...

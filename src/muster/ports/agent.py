"""Machines as they can be asked and told, each over a connection held to its certificate."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

from muster.base.errors import Permanent


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where a machine is reached, and the certificate that it has to show there."""

    url: str  # https://host:port
    certificate: str  # PEM; of several, it has to show one


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One call. Paths are those of the machine: /os/1.0/..., /1.0/..."""

    path: str
    method: str = "GET"
    body: Any = None
    within_s: float = 5.0
    known_as: str = ""  # what URLs in its answer begin with, instead of /os; "": they are its own


# What we show to machines, among the settings of the store: every process shows the same.
OUR_CERTIFICATE, OUR_KEY = "machines.certificate", "machines.key"


class Agents(Protocol):
    @property
    def certificate(self) -> str:
        """Return as PEM what every machine has to trust for us to ask it."""
        ...

    async def shown(self, url: str) -> str:
        """Return as PEM the certificate that is shown there, whosever it is.

        Raises `Transient` where nobody answers.
        """
        ...

    async def call(self, line: Line, order: Order) -> Any:
        """Return what the machine answers: the metadata of its envelope.

        Raises `Transient` where it does not answer within that time or shows another
        certificate, and `Permanent` with what it complained of; `details["status"]` is its
        HTTP status. An order that a machine has once obeyed may be sent again.
        """
        ...

    def listen(self, line: Line, path: str) -> AsyncIterator[Any]:
        """Yield what a machine tells at a path, by a websocket, as JSON.

        Raises `Transient` when that breaks off, or cannot be begun.
        """
        ...

    async def close(self) -> None: ...


_ABSENT = frozenset({404, 501})  # what a machine answers for what it does not have


class Reached(Protocol):
    """As much of a machine as it takes to ask it."""

    @property
    def connection_url(self) -> str: ...
    @property
    def certificate(self) -> str: ...
    @property
    def shows(self) -> str: ...


# Note [Own and common certificate]
# A member's Incus shows the certificate of its cluster from some moment of its joining on, its
# agent perhaps its own for ever. So a member is held to either; nobody but the members has the
# key of the common one.
def line_of(machine: Reached) -> Line:
    """Return how a machine is asked. See Note [Own and common certificate]."""
    both = "\n".join(each.strip() for each in (machine.certificate, machine.shows) if each)
    return Line(url=machine.connection_url, certificate=f"{both}\n" if both else "")


async def found(agents: Agents, line: Line, path: str) -> Any:
    """Return what is at a path, None where this machine has nothing of the kind."""
    try:
        return await agents.call(line, Order(path=path))
    except Permanent as error:
        if error.details.get("status") in _ABSENT:
            return None
        raise


async def listed(agents: Agents, line: Line, path: str) -> tuple[str, ...] | None:
    """Return the names of what is listed at a path as URLs, None where there is no such list."""
    said = await found(agents, line, path)
    if not isinstance(said, list):
        return None
    return tuple(str(each).rpartition("/")[2] for each in said)

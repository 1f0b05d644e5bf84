"""Servers, as far as Muster cares about them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from muster.model.observed import Foreign, Server, Usage
from muster.model.step import Operation, ServerOrder

NO_PARAMS: Mapping[str, Any] = MappingProxyType({})


class Compute(Protocol):
    """A cloud that keeps servers. Every call may raise `DriverError`."""

    async def list_servers(self, cluster_id: UUID | None = None) -> Sequence[Server]:
        """Return every server of this installation in any condition, or those of one cluster.

        Going away counts as there until it is gone. A server of another installation,
        or of no installation, is never listed.
        """
        ...

    async def create_server(self, order: ServerOrder) -> Server:
        """Return the server `order.server_id`, as the cloud shows it, creating it if need be.

        Asked twice with the same `server_id` there is one server. It need not run yet.
        Raises `Transient` (full for now, busy) or `Permanent` (this order never works).
        """
        ...

    async def adopt_server(self, ref: str, order: ServerOrder) -> Server:
        """Return a server that others made, ours from now on as if we had made it by this order.

        It goes on running as it is. Asked twice with the same `server_id` it is ours once.
        Raises `Permanent` for one that is not there, or that somebody else looks after.
        """
        ...

    async def delete_server(self, ref: str) -> None:
        """Have the server and all that came with it go away. One already gone is no error."""
        ...

    async def operate_server(
        self, ref: str, operation: Operation, params: Mapping[str, Any] = NO_PARAMS
    ) -> None:
        """Reboot, stop, start ... Doing twice what was done is no error.

        Raises `Permanent` for what this cloud cannot do.
        """
        ...

    async def usage(self, cluster_id: UUID | None = None) -> Sequence[Usage]:
        """Return what every running server has used so far, one reading each."""
        ...

    async def console_log(self, ref: str, lines: int) -> str:
        """Return the newest lines of what the server has printed."""
        ...


class Finder(Protocol):
    """A cloud that may keep servers which somebody else made."""

    async def find_server(self, ref: str) -> Foreign:
        """Return what such a server is made of.

        Raises `Permanent` for one that is not there.
        """
        ...

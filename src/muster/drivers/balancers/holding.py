"""The fronts' sockets that this process holds, beside the balancers that serve them."""

import socket
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from muster.drivers.balancers.child import listener_of
from muster.drivers.balancers.listener import fetched, listening

Run = TypeVar("Run")


@dataclass(frozen=True, slots=True)
class _Held(Generic[Run]):
    run: Run
    sock: socket.socket


class Holding(Generic[Run]):
    """One socket for each pool, and the run that serves it. See Note [A socket that stays]."""

    def __init__(self) -> None:
        self._held: dict[UUID, _Held[Run]] = {}
        self._asked: dict[UUID, Run] = {}

    def __contains__(self, cluster_id: UUID) -> bool:
        return cluster_id in self._held

    def of(self, cluster_id: UUID) -> socket.socket | None:
        held = self._held.get(cluster_id)
        return held.sock if held else None

    def opened(self, cluster_id: UUID, address: str, port: int) -> socket.socket:
        """Return the socket that is held, if it is at this address, or else a new one."""
        sock = self.of(cluster_id)
        if sock is not None and sock.getsockname() == (address, port):
            return sock
        return listening(address, port, shared=True)

    def hold(self, cluster_id: UUID, run: Run, sock: socket.socket) -> None:
        """Hold the socket that this run serves, and close another that was held before."""
        before = self.of(cluster_id)
        if before is not None and before is not sock:
            before.close()
        self._held[cluster_id] = _Held(run, sock)

    def spare(self, cluster_id: UUID, sock: socket.socket) -> None:
        """Close a socket on which nothing could be started, unless it is the one held."""
        if self.of(cluster_id) is not sock:
            sock.close()

    def knows(self, cluster_id: UUID, run: Run) -> bool:
        """Return whether this run's socket is held, or could not be had."""
        held = self._held.get(cluster_id)
        return bool(held and held.run == run) or self._asked.get(cluster_id) == run

    def fetch(self, cluster_id: UUID, run: Run, pid: int | None) -> None:
        """Take the socket out of the process that serves it, once for each run."""
        self._asked[cluster_id] = run
        self.let_go(cluster_id)
        fd = listener_of(pid) if pid is not None else None
        sock = fetched(pid, fd) if pid is not None and fd is not None else None
        if sock is not None:
            self.hold(cluster_id, run, sock)

    def let_go(self, cluster_id: UUID) -> None:
        held = self._held.pop(cluster_id, None)
        if held is not None:
            held.sock.close()

    def let_all_go(self) -> None:
        for cluster_id in list(self._held):
            self.let_go(cluster_id)

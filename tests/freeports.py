"""Ports for servers that are started by name of their port, and may be started again."""

import os
import socket
from itertools import count

_FROM, _TO = 10_240, 20_000  # OpenStack's testbed has those above
_held: list[socket.socket] = []
_turn = count(os.getpid() * 61)


# Note [Ports that nobody takes]
# A port of those that the system gives to whoever connects somewhere may be given away before the
# server that it was looked up for has it, or while that is being started again. So ports are of
# those that the system gives to nobody. Other runs of tests look for theirs at the same time: each
# port is held by a name that nobody else can have, and that goes with this process however it ends.
def free_port() -> int:
    """Return a port that nobody has on any address, and that is ours until this process ends.

    See Note [Ports that nobody takes].
    """
    for _ in range(_TO - _FROM):
        port = _FROM + next(_turn) % (_TO - _FROM)
        if _is_free(port) and _hold(port):
            return port
    raise RuntimeError("no port is free")


def _is_free(port: int) -> bool:
    try:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("", port))
            udp.bind(("", port))
    except OSError:
        return False
    return True


def _hold(port: int) -> bool:
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0muster-test-port-{port}")
    except OSError:
        name.close()
        return False
    _held.append(name)
    return True

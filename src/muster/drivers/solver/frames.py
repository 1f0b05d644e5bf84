"""What passes between us and a solving process: whole values, one after another."""

import pickle
import struct
from asyncio import StreamReader
from typing import Any, BinaryIO

_LENGTH = struct.Struct("!I")


# Note [Pickled between ourselves]
# Both ends are of one version, started by one another, on a pipe that nobody else has. So
# the values may travel as they are; nothing that came from outside is ever read this way.
def framed(value: object) -> bytes:
    """Return a value as it travels. See Note [Pickled between ourselves]."""
    said = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(said)) + said


async def received(stream: StreamReader) -> Any:
    """Return the next value; raises `IncompleteReadError` where the other end is gone."""
    (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    return pickle.loads(await stream.readexactly(length))


def taken(stream: BinaryIO) -> Any:
    """Return the next value, None where the other end is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    said = stream.read(length)
    return pickle.loads(said) if len(said) == length else None

"""Where a front listens: an address of its own on the loopback network."""

import errno
import socket
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from ipaddress import IPv4Network
from uuid import UUID

from muster.base.errors import Permanent
from muster.drivers.balancers.listener import listening

_TRIES = 8


def candidates(cluster_id: UUID, network: IPv4Network, taken: Iterable[str]) -> Iterator[str]:
    """Yield addresses for this cluster, the same ones every time, without those taken.

    Of a network of one address all fronts share that one; their ports tell them apart.
    """
    if network.num_addresses < 3:
        yield str(network[0])
        return
    used = set(taken)
    for number in range(_TRIES):
        digest = blake2b(f"{cluster_id}/{number}".encode(), digest_size=8).digest()
        place = 1 + int.from_bytes(digest, "big") % (network.num_addresses - 2)
        address = str(network[place])
        if address not in used:
            yield address


def allocated(
    cluster_id: UUID, network: IPv4Network, taken: Iterable[str], port: int
) -> tuple[str, socket.socket]:
    """Return a free address of this cluster, and a socket that listens there.

    Raises `Permanent` if none of its addresses can be had with this port: whoever
    listens on every address at once has taken it.
    """
    last = Permanent(f"no address of {network} is free for another front")
    for address in candidates(cluster_id, network, taken):
        try:
            listening(address, port, shared=False).close()  # nobody else may be there
            return address, listening(address, port, shared=True)
        except Permanent as error:
            last = error
            if error.details.get("errno") != errno.EADDRINUSE:
                break
    raise last

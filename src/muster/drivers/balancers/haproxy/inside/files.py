"""What is written into a room: HAProxy's file, what belongs to it, and the pool itself."""

from collections.abc import Mapping

import msgspec

from muster.base.errors import Transient
from muster.drivers.balancers.haproxy.config import (
    CERTIFICATE,
    STATE,
    Sockets,
    haproxy_config,
    pem,
    state_file,
)
from muster.drivers.balancers.haproxy.kept import Kept

HOME = "/etc/haproxy"
CONFIG = "haproxy.cfg"
FRESH = "haproxy.cfg.new"  # to be read by the next reload, if it can be
POOL = "pool.json"
OWN_PORTS = range(9901, 9904)  # for who asks the worker, its master, and the next worker


# Note [Asked from inside]
# An HAProxy in a room listens to its rulers on the room's own loopback address: nobody on the
# network reaches that, and whoever may run a program in the room may rule it. So Muster does
# not have to reach the room by its network, and the cloud decides who may. At a reload its master
# has the worker before hand all of these sockets, that of the front too, to the next one.
def sockets(port: int) -> Sockets:
    """Return where an HAProxy in a room listens. See Note [Asked from inside]."""
    return Sockets(
        stats="ipv4@127.0.0.1:9901",
        peers="ipv4@127.0.0.1:9903",
        front=f"ipv4@0.0.0.0:{port}",
    )


def written(kept: Kept, known: str, config: str = CONFIG) -> Mapping[str, bytes]:
    """Return the files of this pool by name, that of HAProxy last: it starts as soon as that is.

    `known`: who was well by the last words of an HAProxy, "" where there was none.
    """
    said = {STATE: state_file(known, kept).encode()}
    if kept.front.certificate:
        said[CERTIFICATE] = pem(kept.front).encode()
    return said | {config: haproxy_config(kept, sockets(kept.port)).encode()}


def pool_text(kept: Kept) -> bytes:
    return msgspec.json.encode(kept)


def pool_read(said: str) -> Kept | None:
    """Return the pool that was written down, None if there is none yet."""
    if not said.strip():
        return None
    try:
        return msgspec.json.decode(said, type=Kept)
    except msgspec.MsgspecError as error:  # it is being written
        raise Transient(f"what is written of the pool cannot be read: {error}") from None

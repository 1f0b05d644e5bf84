"""The socket that clients connect to: made by us, inherited by the balancer, held by both."""

import ctypes
import errno
import os
import socket
import struct

from muster.base.errors import Permanent

_BACKLOG = 1024
_PIDFD_GETFD = 438  # the same number on every architecture
_SO_ATTACH_REUSEPORT_CBPF = 51
_BPF_RETURN = 0x06


# Note [A socket that stays]
# A balancer does not open the front's socket itself; it inherits it. While we hold it
# too, one that was killed leaves no gap: clients that connect meanwhile wait in the
# socket's queue until the next one takes it over. After a restart of Muster the socket
# is fetched back out of the running balancer, where the kernel allows that.
def listening(address: str, port: int, *, shared: bool) -> socket.socket:
    """Return a listening socket. See Note [A socket that stays].

    A shared one may be joined later by its successor, see Note [Handing over]. Raises
    `Permanent` with a text for people if the address cannot be had.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((address, port))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise Permanent(_why_not(error, address, port), errno=error.errno) from None
    return sock


def _why_not(error: OSError, address: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is taken: something on this machine listens on {address}:{port}, "
            f"or on port {port} of every address"
        )
    if error.errno == errno.EACCES:
        return f"port {port} needs a privilege that Muster does not have; take one from 1024 on"
    return f"{address}:{port} cannot be had: {error.strerror}"


# Note [Handing over]
# With Caddy a front that changes, or needs more slots, takes a new process, and the old one must be
# asked nothing any more before it is stopped: Go's shutdown hangs up on connections that
# it has accepted and not yet read from, and closing a socket resets those still in its
# queue. So the new one listens on a second socket at the same address, and a filter of
# one instruction in the kernel sends every new connection to the old one until the new
# one is ready, and from then on to the new one. The old one answers `Connection: close`
# then, until nobody is left who could lose a request.
def steer(one: socket.socket, place: int) -> None:
    """Send new connections to the socket that came to this one's address as number `place`.

    See Note [Handing over]. When the earlier ones are gone the number means nothing any
    more, and the kernel falls back to whoever is left.
    """
    program = ctypes.create_string_buffer(struct.pack("HBBI", _BPF_RETURN, 0, 0, place))
    said = struct.pack("HP", 1, ctypes.addressof(program))
    one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_REUSEPORT_CBPF, said)


def fetched(pid: int, fd: int) -> socket.socket | None:
    """Return the socket that process `pid` has under `fd`, or None where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        ours = libc.syscall(_PIDFD_GETFD, process, fd, 0)
    finally:
        os.close(process)
    if ours < 0:
        return None
    os.set_inheritable(ours, False)
    return socket.socket(fileno=ours)

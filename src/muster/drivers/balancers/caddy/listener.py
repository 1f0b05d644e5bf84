"""The socket that clients connect to: made by us, inherited by Caddy, held by both."""

import ctypes
import errno
import os
import socket

from muster.base.errors import Permanent

_BACKLOG = 1024
_PIDFD_GETFD = 438  # the same number on every architecture


# Note [A socket that stays]
# Caddy does not open the front's socket itself; it inherits it. While we hold it too,
# a Caddy that was killed leaves no gap: clients that connect meanwhile wait in the
# socket's queue until the next one takes it over. After a restart of Muster the socket
# is fetched back out of the running Caddy, where the kernel allows that.
def listening(address: str, port: int) -> socket.socket:
    """Return a listening socket. See Note [A socket that stays].

    Raises `Permanent` with a text for people if the address cannot be had.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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

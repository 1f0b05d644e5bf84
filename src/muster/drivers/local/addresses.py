"""Which loopback address an instance gets, and whether its port can be had there."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from uuid import UUID

from muster.base.errors import Permanent, Transient

TRIES = 64
MANY = 3  # busy on so many addresses, a port is busy on all of them


def reserve(folder: Path, network: IPv4Network, server_id: UUID, port: int) -> str:
    """Take an address for the instance, and return it; asked again it is the same one.

    `folder` remembers who has which. Raises `Transient` while the port is busy on every
    address, or all addresses tried are taken; `Permanent` if it can never be had.
    """
    busy = 0
    for address in candidates(network, server_id):
        if not _claimed(folder / address, server_id):
            continue
        refusal = refused(address, port)
        if refusal is None:
            return address
        release(folder, address, server_id)
        busy += 1
        if refusal.errno in (errno.EACCES, errno.EPERM):
            raise Permanent(f"port {port} is kept for the system here; choose one above 1023")
        if refusal.errno != errno.EADDRINUSE:
            raise Permanent(f"{address}:{port} cannot be used: {refusal.strerror}")
        if busy == MANY:
            raise Transient(
                f"port {port} is in use on every address of this machine (0.0.0.0:{port}): "
                "stop what listens there, or choose another port"
            )
    raise Transient(f"no free address was found in {network}")


def candidates(network: IPv4Network, server_id: UUID) -> Iterator[str]:
    """Name the addresses to try, always the same ones in the same order for one server."""
    size = network.num_addresses
    for attempt in range(TRIES):
        digest = blake2b(f"{server_id}/{attempt}".encode(), digest_size=8).digest()
        address = network.network_address + int.from_bytes(digest, "big") % size
        if address != IPv4Address("127.0.0.1") and 0 < int(address) % 256 < 255:
            yield str(address)


def release(folder: Path, address: str, server_id: UUID) -> None:
    if _owner(folder / address) == str(server_id):
        (folder / address).unlink(missing_ok=True)


def refused(address: str, port: int) -> OSError | None:
    """Return why nobody could listen there now, None if somebody could."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error
    return None


def _claimed(link: Path, server_id: UUID) -> bool:
    with suppress(FileExistsError):
        os.symlink(str(server_id), link)
    return _owner(link) == str(server_id)


def _owner(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""

"""Tunnels of WireGuard between this machine and others: keys, peers, and what is seen of them."""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from muster.agent.machine import HOME, Machine
from muster.agent.said import ruled, wrong
from muster.base.secret import new_key

KEY = r"[A-Za-z0-9+/]{43}="
ENDPOINT = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}"


def _no_network(text: str) -> str | None:
    try:
        ip_network(text)
    except ValueError as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True)
class Peer:
    public_key: str = ruled(needed=True, pattern=KEY)
    preshared_key: str = ruled("", pattern=KEY, secret=True)
    endpoint: str = ruled("", pattern=ENDPOINT)
    allowed_ips: tuple[str, ...] = ruled((), check=_no_network)
    persistent_keepalive: int = ruled(0, low=0, high=65535)


def check(path: str, peers: Iterable[Peer]) -> None:
    known: set[str] = set()
    for n, each in enumerate(peers):
        if each.public_key in known:
            raise wrong(f"{path}.peers[{n}].public_key", "is there twice")
        if not each.allowed_ips:
            raise wrong(f"{path}.peers[{n}].allowed_ips", "there has to be one at least")
        known.add(each.public_key)


def key_place(name: str) -> str:
    """Return where the key is kept that was made for a tunnel because none was told."""
    return f"{HOME}/wireguard-{name}.key"


def own_key(machine: Machine, name: str) -> str:
    """Return the key that a tunnel was given by this machine; a new one where it has none yet."""
    return machine.line(key_place(name)) or _made()


def _made() -> str:
    key = bytearray(new_key(32))
    key[0] &= 248
    key[31] = (key[31] & 127) | 64
    return b64encode(key).decode()


def sections(key: str, port: int, peers: Iterable[Peer]) -> Iterator[tuple[str, dict[str, object]]]:
    """Return what systemd-networkd has to know of a tunnel, as sections."""
    yield "WireGuard", {"PrivateKey": key, "ListenPort": port}
    for each in peers:
        yield (
            "WireGuardPeer",
            {
                "PublicKey": each.public_key,
                "PresharedKey": each.preshared_key,
                "Endpoint": each.endpoint,
                "AllowedIPs": ",".join(each.allowed_ips),
                "PersistentKeepalive": each.persistent_keepalive,
            },
        )


def state(machine: Machine, name: str) -> dict[str, object]:
    """Return the machine's own public key, and when each peer was last heard of."""
    told = machine.ask("wg", "show", name, "dump")
    lines = [re.split(r"\t", line) for line in told.out.splitlines()] if told.code == 0 else []
    if not lines or len(lines[0]) < 3:
        return {}
    _, public, port, *_ = lines[0]
    peers = [
        {
            "public_key": peer,
            "endpoint": "" if endpoint == "(none)" else endpoint,
            "latest_handshake": int(heard),
            "rx_bytes": int(received),
            "tx_bytes": int(sent),
        }
        for peer, _, endpoint, _, heard, received, sent, *_ in lines[1:]
    ]
    return {"public_key": public, "port": int(port), "peers": peers}

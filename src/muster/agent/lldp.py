"""Who is at the other end of a card, as he says by LLDP and systemd-networkd has heard it."""

from collections.abc import Iterator, Mapping
from typing import Any

from muster.agent.machine import Machine

HEARD = "/run/systemd/netif/lldp"
CHASSIS, PORT, DESCRIPTION, NAME = 1, 2, 4, 5
_IS_MAC = {CHASSIS: 4, PORT: 3}  # the kind of an identifier that is a hardware address
_HEAD = 14  # of Ethernet, before what is said

# Note [Two ways to what was heard]
# systemd of 256 and later tells it as JSON. Earlier ones print a table for people, and leave in a
# file what they have heard as it came: for each neighbour the length of his frame in eight bytes,
# the least one first, and the frame.


def neighbours(machine: Machine, card: str) -> list[dict[str, str]]:
    """Return who is heard at a card. See Note [Two ways to what was heard]."""
    told = machine.told("networkctl", "lldp", "--json=short", card)
    if isinstance(told, dict):
        links = told.get("Neighbors") or ()
        return [_told(each) for link in links for each in link.get("Neighbors") or ()]
    index = machine.line(f"/sys/class/net/{card}/ifindex")
    return [_shown(dict(_parts(frame))) for frame in _frames(machine.raw(f"{HEARD}/{index}"))]


def _told(each: Mapping[str, Any]) -> dict[str, str]:
    return {
        "name": each.get("SystemName") or "",
        "chassis_id": each.get("ChassisID") or "",
        "port_id": each.get("PortID") or "",
        "port": each.get("PortDescription") or "",
    }


def _shown(parts: Mapping[int, bytes]) -> dict[str, str]:
    return {
        "name": _text(parts.get(NAME, b"")),
        "chassis_id": _identifier(CHASSIS, parts.get(CHASSIS, b"")),
        "port_id": _identifier(PORT, parts.get(PORT, b"")),
        "port": _text(parts.get(DESCRIPTION, b"")),
    }


def _frames(kept: bytes) -> Iterator[bytes]:
    while len(kept) > 8:
        size, kept = int.from_bytes(kept[:8], "little"), kept[8:]
        yield kept[_HEAD:size]
        kept = kept[size:]


def _parts(frame: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield what a frame says: kinds of seven bits, each before a length of nine."""
    while len(frame) >= 2:
        head, frame = int.from_bytes(frame[:2], "big"), frame[2:]
        kind, size = head >> 9, head & 0x1FF
        if not kind:
            return
        yield kind, frame[:size]
        frame = frame[size:]


def _identifier(kind: int, said: bytes) -> str:
    if len(said) == 7 and said[0] == _IS_MAC[kind]:
        return said[1:].hex(":")
    return _text(said[1:])


def _text(said: bytes) -> str:
    return said.decode(errors="replace").strip("\0")

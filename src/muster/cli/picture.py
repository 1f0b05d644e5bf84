"""A virtual cluster as a picture: its hosts by zone, and on each of them who is there."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

Seen = Mapping[str, Any]

_MARKS = {"server": "■", "volume": "▤"}
_FILLS = {"server": "#cfe3ff", "volume": "#fde7b8"}
_WIDTH, _LINE, _GAP, _HEAD = 190, 30, 14, 44
_TEXT = 'font-family="sans-serif" font-size="12"'


def lines(seen: Seen) -> Iterator[str]:
    """Yield one line for each host: its zone, and its servers with their volumes behind them."""
    for (zone, host), here in _hosts(seen):
        told = "   ".join(" ─ ".join(_mark(each) for each in chain) for chain in _chains(here))
        yield f"{zone:8} {host:16} {told}"


def svg(seen: Seen) -> str:
    """Return the picture as a document: a column for each host, lines for attachments."""
    hosts = _hosts(seen)
    tallest = max((len(here) for _, here in hosts), default=0)
    width = _GAP + len(hosts) * (_WIDTH + _GAP)
    height = _HEAD + tallest * _LINE + 2 * _GAP
    parts = [part for number, column in enumerate(hosts) for part in _column(number, *column)]
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', *parts, "</svg>", ""])


def _hosts(seen: Seen) -> list[tuple[tuple[str, str], list[Seen]]]:
    found: dict[tuple[str, str], list[Seen]] = {}
    for each in seen["instances"]:
        where = (each.get("zone") or "", each.get("host") or "nowhere yet")
        found.setdefault(where, []).append(each)
    return sorted(found.items())


def _chains(here: Sequence[Seen]) -> Iterator[list[Seen]]:
    """Yield everybody with what is attached to him; who is attached to one here stands there."""
    names = {each["name"] for each in here}
    for each in sorted(here, key=lambda one: str(one["name"])):
        if each["attached_to"] not in names:
            yield [each, *(one for one in here if one["attached_to"] == each["name"])]


def _mark(each: Seen) -> str:
    return f"{_MARKS[each['type']]} {each['name']}"


def _column(number: int, where: tuple[str, str], here: Sequence[Seen]) -> Iterator[str]:
    left = _GAP + number * (_WIDTH + _GAP)
    tall = _HEAD + len(here) * _LINE
    zone, host = (escape(each) for each in where)
    yield _box(left, _GAP, (_WIDTH, tall), "#f4f4f4")
    yield f'<text x="{left + 8}" y="{_GAP + 18}" {_TEXT} font-weight="bold">{host}</text>'
    yield f'<text x="{left + 8}" y="{_GAP + 33}" {_TEXT} fill="#666">{zone}</text>'
    top = _GAP + _HEAD - 4
    for chain in _chains(here):
        for place, each in enumerate(chain):
            inset = 8 + 14 * (place > 0)
            if place:
                yield f'<path d="M{left + 14} {top - 6} V{top + 11} H{left + inset}" {_LINED}/>'
            box = (_WIDTH - inset - 8, _LINE - 6)
            yield _box(left + inset, top, box, _FILLS[each["type"]])
            name = escape(str(each["name"]))
            yield f'<text x="{left + inset + 7}" y="{top + 16}" {_TEXT}>{name}</text>'
            top += _LINE


_LINED = 'fill="none" stroke="#666"'


def _box(left: int, top: int, size: tuple[int, int], fill: str) -> str:
    at = f'x="{left}" y="{top}" width="{size[0]}" height="{size[1]}"'
    return f'<rect {at} rx="4" fill="{fill}" stroke="#999"/>'

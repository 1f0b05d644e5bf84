"""HAProxy's statistics, read: how each server and the whole pool are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from muster.drivers.balancers.haproxy.config import MEMBERS
from muster.model.pool import Condition

SHOW = ("show info", "show stat", f"show servers state {MEMBERS}")
_ALL = "BACKEND"
_MAINTENANCE, _DRAIN = 0x27, 0x18  # bits of a server's administrative state
_NAME, _ADMIN = 3, 6  # where a line about a server's state has them


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the statistics, as far as we care."""

    status: str = ""
    open: int = 0
    answered: int = 0
    errors: int = 0
    spent_s: float = 0.0  # mean of the last thousand
    admin: int = 0

    @property
    def condition(self) -> Condition:
        """Return what HAProxy makes of the server; of one in maintenance it says nothing."""
        if self.out:
            return Condition.UNKNOWN
        return Condition.BAD if self.status.startswith("DOWN") else Condition.GOOD

    @property
    def out(self) -> bool:
        """Whether it is in maintenance, where it is not asked and gets nothing."""
        return bool(self.admin & _MAINTENANCE)

    @property
    def draining(self) -> bool:
        return bool(self.admin & _DRAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """What one worker says. `known` is what the next one is to be told of its servers."""

    pid: int = 0
    shape: str = ""  # See Note [Shape]
    pool: Row = field(default_factory=Row)
    servers: Mapping[str, Row] = field(default_factory=dict)
    known: str = ""

    @property
    def health(self) -> Mapping[str, tuple[Condition, int]]:
        return {name: (row.condition, row.admin) for name, row in self.servers.items()}


def parsed(said: str) -> Stats:
    """Return what the answers to `SHOW` say; servers in the order in which HAProxy has them."""
    about, _, rest = said.partition("\n# ")
    told = dict(line.split(": ", 1) for line in about.splitlines() if ": " in line)
    lines = rest.splitlines() or [""]
    at = {name: place for place, name in enumerate(lines[0].split(","))}
    rows: dict[tuple[str, str], Row] = {}
    known = []
    for line in lines[1:]:
        words = line.split(",")
        if len(words) >= len(at):
            rows[words[0], words[1]] = _row(words, at)
        elif line[:1].isdigit() and " " in line:
            known.append(line)
    admin = {words[_NAME]: int(words[_ADMIN]) for words in map(str.split, known)}
    return Stats(
        pid=int(told.get("Pid", 0)),
        shape=told.get("description", ""),
        pool=rows.get((MEMBERS, _ALL), Row()),
        servers={
            name: replace(row, admin=admin.get(name, 0))
            for (proxy, name), row in rows.items()
            if proxy == MEMBERS and name != _ALL
        },
        known="".join(f"{line}\n" for line in known),
    )


_STATUSES = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")


def _row(words: list[str], at: Mapping[str, int]) -> Row:
    def number(name: str) -> int:
        return int(words[at[name]] or 0)

    http = words[at["mode"]] == "http"
    return Row(
        status=words[at["status"]],
        open=number("scur"),
        answered=sum(map(number, _STATUSES)) if http else number("stot"),
        errors=number("hrsp_5xx") if http else number("econ"),
        spent_s=number("ttime" if http else "ctime") / 1000,
    )

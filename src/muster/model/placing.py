"""One placement problem and its answers: hosts, what is to stand on them, and the rules between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Kind(StrEnum):
    SERVER = "server"
    VOLUME = "volume"


class Relation(StrEnum):
    TOGETHER = "affinity"
    APART = "anti-affinity"


class Scope(StrEnum):
    HOST = "host"
    ZONE = "zone"


BY_ZONE = "by-zone"  # the label of a host that is not open, but to whom names a zone it is in


def zone_mark(zone: str) -> str:
    """Return the label of hosts that are in a zone by that name; its own need not be told."""
    return f"zone:{zone}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One host and what this problem may use of it.

    That is what nobody has, and what the problem's own items hold there: see `with_own`.
    None stands for as much as one likes; a pool that is not named is not there.
    """

    id: str
    zone: str = ""
    vcpus: int | None = None
    ram_mib: int | None = None
    disk_gib: Mapping[str, int | None] = field(default_factory=dict)  # of each storage pool
    labels: Mapping[str, str] = field(default_factory=dict)
    open: bool = True  # False: who is there may stay, nobody comes
    reserve: bool = False  # taken only by who finds no other


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A server or a volume that needs a host."""

    id: str
    kind: Kind = Kind.SERVER
    vcpus: int = 0
    ram_mib: int = 0
    disk_gib: Mapping[str, int] = field(default_factory=dict)  # of each storage pool
    host: str = ""  # where it is, "" for what is new
    fixed: bool = False  # must stay where it is
    zone: str = ""  # "": any
    labels: Mapping[str, str] = field(default_factory=dict)  # what its host must say of itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Items that are to share a host or zone, or to have at most `most` of them on each."""

    name: str
    relation: Relation
    members: tuple[str, ...]
    scope: Scope = Scope.HOST
    most: int = 1  # of those kept apart, on one host or in one zone
    soft: bool = False  # wanted, and told when broken
    weight: int = 1  # of a soft rule against others


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Ids of hosts and of items are unique; rules name items that are there."""

    hosts: tuple[Host, ...]
    items: tuple[Item, ...]
    rules: tuple[Rule, ...] = ()


# The words of requests: what they relate, over which scope unless it is given, and whether softly.
RULES: Mapping[str, tuple[Relation, Scope, bool]] = {
    "affinity": (Relation.TOGETHER, Scope.HOST, False),
    "anti-affinity": (Relation.APART, Scope.HOST, False),
    "proximity": (Relation.TOGETHER, Scope.ZONE, False),
    "soft-affinity": (Relation.TOGETHER, Scope.HOST, True),
    "soft-anti-affinity": (Relation.APART, Scope.HOST, True),
    "soft-proximity": (Relation.TOGETHER, Scope.ZONE, True),
}


def word_of(rule: Rule) -> str:
    """Return what a request calls this rule."""
    word = str(rule.relation)
    if rule.relation is Relation.TOGETHER and rule.scope is Scope.ZONE:
        word = "proximity"
    return f"soft-{word}" if rule.soft else word


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How much may be spent on one problem.

    `work` is counted in steps that do not depend on the machine, about as many as it does in
    seconds, so that the answer does not either; `seconds` is a guard over it for those who wait.
    """

    work: float = 10.0
    seconds: float = 10.0
    relaxations: int = 3  # at most so many ways out of what is impossible
    why: bool = True  # False: that it is impossible is enough


USUAL = Limit()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is: so many items have a place, of so many."""

    placed: int
    items: int
    doing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    item: str
    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A rule that a placement does not keep, and by whom."""

    rule: int  # its number in the problem, from 0; names may repeat
    name: str
    members: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A host for every item, by every hard rule."""

    places: Mapping[str, str]  # item -> host
    moves: tuple[Move, ...] = ()  # of items that have a host now
    broken: tuple[Broken, ...] = ()  # soft rules
    best: bool = (
        False  # proved: fewer moves, or with as many less of the soft rules broken, is none
    )


class Want(StrEnum):
    """What one item asks for by itself, apart from room."""

    STAY = "stay"
    ZONE = "zone"
    LABELS = "labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Why there is no placement: these items, by these rules, wants and resources alone.

    Where it is `minimal`, it is proved that without any one of them there is a placement of
    the rest of it.
    """

    items: tuple[str, ...]
    rules: tuple[int, ...] = ()  # their numbers in the problem
    wants: tuple[tuple[str, Want], ...] = ()
    resources: tuple[str, ...] = ()  # "vcpus", "ram_mib", "disk_gib:<pool>"
    minimal: bool = False
    text: str = ""


class Ease(StrEnum):
    """One way to ask for less, cheapest first."""

    RAISE = "raise"  # max_per_host by one
    LET_MOVE = "let_move"
    SOFTEN = "soften"  # a hard rule becomes a soft one
    ANY_ZONE = "any_zone"
    ANY_LABELS = "any_labels"
    ADD_HOST = "add_host"  # one more, with room for what lacks it
    LEAVE_OUT = "leave_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing asked for less: of a rule by its number, or of an item."""

    ease: Ease
    rule: int | None = None
    item: str | None = None
    zone: str | None = None  # where to add a host


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """Changes that make it possible, and the placement that shows it."""

    changes: tuple[Change, ...]
    cost: int
    text: str
    placed: Placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """It is proved that there is no placement."""

    conflict: Conflict
    relaxations: tuple[Relaxation, ...] = ()  # cheapest first, each verified


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecided:
    """The limit ended the search neither way."""

    places: Mapping[str, str]  # of as many items as found one, by every hard rule
    unplaced: tuple[str, ...]
    reason: str


Answer = Placed | Impossible | Undecided


def with_own(hosts: Sequence[Host], items: Sequence[Item]) -> tuple[Host, ...]:
    """Return the hosts with what their own items hold there given back.

    `hosts` say what nobody has, as clouds tell it; less than nothing counts as nothing.
    """
    here: dict[str, list[Item]] = {}
    for item in items:
        here.setdefault(item.host, []).append(item)
    return tuple(_given_back(host, here.get(host.id, [])) for host in hosts)


def _given_back(host: Host, own: Sequence[Item]) -> Host:
    disks = {
        pool: _more(free, sum(item.disk_gib.get(pool, 0) for item in own))
        for pool, free in host.disk_gib.items()
    }
    for item in own:
        for pool in item.disk_gib.keys() - host.disk_gib.keys():
            disks[pool] = (disks.get(pool) or 0) + item.disk_gib[pool]
    return replace(
        host,
        vcpus=_more(host.vcpus, sum(item.vcpus for item in own)),
        ram_mib=_more(host.ram_mib, sum(item.ram_mib for item in own)),
        disk_gib=disks,
    )


def _more(free: int | None, own: int) -> int | None:
    return None if free is None else max(free, 0) + own

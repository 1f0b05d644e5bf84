"""What speaks against making one cluster of some machines: all of it at once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from muster.decide.server_clusters.seed import Ground
from muster.model.machine import INCUS_KINDS, Detail, Kind, Machine, MachineStatus

_ANYBODYS = "user."  # settings that mean nothing to Incus
_PREFERRED = ("zfs", "btrfs")
_LOGS = "daemon_storage_logs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that speaks against it. `server` is "" for what is nobody's alone."""

    server: str
    what: str  # stable: unknown, clustered, not_ready ...
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a machine said just now."""

    silent: str = ""  # why it said nothing
    services: tuple[str, ...] | None = None  # None: it does not tell
    incus: bool = False  # whether its Incus answered; without, what follows is not known
    clustered: bool = False
    drivers: frozenset[str] = frozenset()  # of storage
    extensions: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()  # names of those that its Incus has


NOTHING = Heard()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who is to become a cluster, and what for."""

    names: tuple[str, ...]
    machines: tuple[Machine, ...]  # those of the names that there are
    kind: Kind
    channel: str = ""
    services: tuple[str, ...] = ()  # that are to be set
    settings: tuple[str, ...] = ()  # of Incus that are to be set
    heard: Mapping[str, Heard] = field(default_factory=dict)  # by machine's name


def findings(crew: Crew) -> tuple[Finding, ...]:
    """Return everything that speaks against it, () for nothing."""
    known = {each.name: each for each in crew.machines}
    found = [*_about_names(crew.names, known)]
    for name in dict.fromkeys(crew.names):
        if name in known:
            found += _about(known[name], crew)
    return (*found, *_among(tuple(known.values())))


def address_of(machine: Machine, role: str) -> str:
    """Return a machine's address of a role, "" where it has none; IPv4 before IPv6."""
    interfaces = (machine.facts.network.get("state") or {}).get("interfaces") or {}
    found = [
        str(address)
        for _, each in sorted(interfaces.items())
        if role in (each.get("roles") or ())
        for address in each.get("addresses") or ()
        if not str(address).lower().startswith("fe80")
    ]
    return next((each for each in found if ":" not in each), found[0] if found else "")


def _about_names(names: Sequence[str], known: Mapping[str, Machine]) -> Iterator[Finding]:
    if not names:
        yield Finding(server="", what="no_servers", text="a cluster has one server at least")
    for name, times in Counter(names).items():
        if times > 1:
            yield Finding(server=name, what="twice", text=f"it is named {times} times")
        if name not in known:
            yield Finding(server=name, what="unknown", text="there is no such server")


def _about(machine: Machine, crew: Crew) -> Iterator[Finding]:
    for what, text in _words(machine, crew):
        yield Finding(server=machine.name, what=what, text=text)


def _words(machine: Machine, crew: Crew) -> Iterator[tuple[str, str]]:
    if machine.cluster:
        yield "clustered", f"it is in cluster '{machine.cluster}'"
    if machine.owes_reset:
        yield "owes_reset", f"it has to be reset first: {machine.owes_reset}"
    if machine.status is not MachineStatus.READY:
        why = f": {machine.reason}" if machine.reason else ""
        yield "not_ready", f"it is {machine.status} {machine.detail}".rstrip() + why
    elif machine.detail is not Detail.NONE:
        yield "busy", f"it is {machine.detail}"
    if machine.facts.in_maintenance:
        yield "in_maintenance", "it is in maintenance"
    if (machine.facts.update.get("state") or {}).get("needs_reboot"):
        yield "needs_reboot", "it has to be rebooted first"
    if machine.channel != crew.channel:
        yield "channel", f"its channel is '{machine.channel}', and not '{crew.channel}'"
    heard = crew.heard.get(machine.name, NOTHING)
    if heard.silent:
        yield "silent", f"it does not answer now: {heard.silent}"
    yield from _abilities(machine, crew)
    yield from _lacks(heard, crew)


def _abilities(machine: Machine, crew: Crew) -> Iterator[tuple[str, str]]:
    if machine.kind is Kind.UNKNOWN or machine.kind not in INCUS_KINDS:
        yield "no_incus", "it has no Incus"
    elif machine.kind is not crew.kind:
        yield "server_type", f"it is of type {machine.kind}, and not {crew.kind}"
    if machine.status is MachineStatus.READY and not address_of(machine, "cluster"):
        yield "no_address", "it has no address of the role cluster"


def _lacks(heard: Heard, crew: Crew) -> Iterator[tuple[str, str]]:
    for name in crew.services if heard.services is not None else ():
        if name not in (heard.services or ()):
            yield "no_service", f"it has no service '{name}'"
    if heard.clustered:
        yield "incus_clustered", "its Incus is a member of a cluster already"
    for name in crew.settings if heard.settings else ():
        if name not in heard.settings and not name.startswith(_ANYBODYS):
            yield "no_setting", f"its Incus has no setting '{name}'"


def ground(heard: Sequence[Heard]) -> Ground:
    """Return what the Incus of all of them can do, whatever one alone could."""
    answered = [each for each in heard if each.incus]
    drivers = frozenset.intersection(*(each.drivers for each in answered)) if answered else ()
    return Ground(
        driver=next((each for each in _PREFERRED if each in drivers), "dir"),
        logs_volume=bool(answered) and all(_LOGS in each.extensions for each in answered),
    )


def _among(machines: Sequence[Machine]) -> Iterator[Finding]:
    """Yield where machines do not go together."""
    yield from _apart(machines)
    shared = Counter(address_of(each, "cluster") for each in machines)
    for each in machines:
        address = address_of(each, "cluster")
        if address and shared[address] > 1:
            text = f"another server has its address {address}, too"
            yield Finding(server=each.name, what="same_address", text=text)


def unlike(members: Sequence[Machine], newcomers: Sequence[Machine]) -> tuple[Finding, ...]:
    """Return where newcomers do not go together with those who are members."""
    mine = {each.name for each in newcomers}
    found = _among((*members[:1], *newcomers))
    return tuple(each for each in found if each.server in mine)


def _apart(machines: Sequence[Machine]) -> Iterator[Finding]:
    versions = {each.name: _incus_of(each) for each in machines if each.kind in INCUS_KINDS}
    usual = next(iter(versions.items()), ("", ""))
    for name, version in versions.items():
        if version != usual[1]:
            text = f"it has {version}, and '{usual[0]}' has {usual[1]}"
            yield Finding(server=name, what="versions", text=text)


def _incus_of(machine: Machine) -> str:
    return next(
        f"{each['name']} {each.get('version', '')}"
        for each in machine.facts.applications
        if each.get("name") == machine.kind
    )

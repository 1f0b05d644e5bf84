"""Servers of clusters updated, rebooted, evacuated and restored: checked first, then a job."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from muster.base.errors import Conflict, DriverError, Invalid, Unsupported
from muster.decide.server_clusters.preflight import Finding
from muster.decide.server_clusters.rolling import (
    MEMBERS,
    Guest,
    Load,
    crowded,
    evacuating,
    rebooting,
    too_many,
    unready,
    updating,
    votes,
)
from muster.model.machine import Machine
from muster.model.server_cluster import ServerCluster
from muster.model.server_job import Entry, Job, JobKind, Verb
from muster.ports.agent import Agents, Line, Order, line_of
from muster.ports.store import Transaction
from muster.service.desk import Desk
from muster.service.provisioning.clusters import (
    begin,
    found,
    members,
    new_job,
    ordered,
    refuse,
    refuse_unready,
)
from muster.service.provisioning.machines import found as machine_found
from muster.service.provisioning.refuge import homeless_on

T = TypeVar("T")
_BINDING = frozenset({"usb", "gpu", "pci", "unix-char", "unix-block", "unix-hotplug", "tpm"})
_UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_LISTED_S = 30.0
_MOVES = ("", "auto", "migrate", "live-migrate")
_ALL = "/1.0/instances?recursion=2&all-projects=true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A round over all servers of a cluster."""

    update: bool = False
    reboot: bool = False
    force: bool = False  # although something has to stop meanwhile
    max_parallel: int | None = None  # how many may be away at once; None: as its cluster says
    goes_on: bool = False  # with other servers where one is refused something


async def gone_round(desk: Desk, name: str, ask: Round) -> ServerCluster:
    """Return the cluster whose servers are updated or rebooted from now on, one after another.

    Raises `Invalid` with everything that speaks against it: servers that are not well, more at once
    than its database bears, and, unless it is forced, what has to stop because it cannot move or
    has no room elsewhere.
    """
    refuse((await foretold(desk, name, ask)).findings)

    def work(tx: Transaction) -> ServerCluster:
        there, present = _seen(tx, name)
        refuse_unready(there)
        refuse(unready(present))
        return begin(tx, there, _job(desk, there, present, ask))

    return await ordered(desk, work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What a round would do, step by step, and everything that speaks against it."""

    job: Job
    findings: tuple[Finding, ...]


async def foretold(desk: Desk, name: str, ask: Round) -> Foretold:
    """Return what a round would come to; nothing is done. Raises `Conflict` for no ready one."""
    cluster, machines = await desk.store.read(lambda tx: _seen(tx, name))
    refuse_unready(cluster)
    job = _job(desk, cluster, machines, ask)
    found = tuple(unready(machines))
    if ask.reboot and not found:
        found = await _against_round(desk, machines, job.max_parallel, force=ask.force)
    return Foretold(job=job, findings=found)


def _job(desk: Desk, cluster: ServerCluster, machines: Sequence[Machine], ask: Round) -> Job:
    rolling = cluster.rolling
    entries = updating(machines, rolling) if ask.update else ()
    if ask.reboot:
        entries += rebooting(machines, rolling, if_needed=ask.update)
    kind = JobKind.UPDATE if ask.update else JobKind.REBOOT
    return replace(
        new_job(kind, entries, desk.clock.now()),
        windows=rolling.windows,
        max_parallel=ask.max_parallel or rolling.max_parallel,
        goes_on=ask.goes_on,
    )


async def _against_round(
    desk: Desk, machines: Sequence[Machine], at_once: int, *, force: bool
) -> tuple[Finding, ...]:
    """Return what speaks against rebooting servers, so many of them at once."""
    many: tuple[Finding, ...] = ()
    if at_once > 1 and len(machines) > 1:
        voters = sum(map(votes, await asked(desk, machines, _members)))
        many = tuple(too_many(len(machines), voters, at_once))
    if many or force:
        return many
    return await against(desk, machines, [each.name for each in machines], at_once)


def _seen(tx: Transaction, name: str) -> tuple[ServerCluster, list[Machine]]:
    cluster = found(tx, name)
    return cluster, members(tx, cluster)


_SINGLE: Mapping[str, tuple[Verb, JobKind]] = {
    "evacuate": (Verb.EVACUATE, JobKind.EVACUATE),
    "restore": (Verb.RESTORE, JobKind.RESTORE),
    "reboot": (Verb.REBOOT, JobKind.REBOOT),
    "update": (Verb.UPDATE, JobKind.UPDATE),
}


async def told(desk: Desk, server: str, verb: str, *, force: bool) -> ServerCluster:
    """Return the cluster of a server that does this from now on.

    Evacuating is refused where something has to stop, rebooting where something is still there,
    unless it is forced.
    """
    machine, machines = await desk.store.read(lambda tx: _with_others(tx, server))
    does, kind = _SINGLE[verb]
    if verb == "evacuate" and not force:
        refuse(await against(desk, machines, [server]))
    if verb == "reboot" and not force and machine.facts.in_maintenance == 0:
        raise Conflict(f"server '{server}' is not evacuated: evacuate it first, or force it")

    def work(tx: Transaction) -> ServerCluster:
        there = found(tx, machine.cluster)
        refuse_unready(there)
        plain = (Entry(verb=does, server=server),)
        entries = evacuating(server, there.rolling) if does is Verb.EVACUATE else plain
        return begin(tx, there, new_job(kind, entries, desk.clock.now()))

    return await ordered(desk, work)


def _with_others(tx: Transaction, server: str) -> tuple[Machine, list[Machine]]:
    machine = machine_found(tx, server)
    if not machine.cluster:
        raise Conflict(f"server '{server}' is in no cluster")
    return machine, members(tx, found(tx, machine.cluster))


async def against(
    desk: Desk, machines: Sequence[Machine], names: Sequence[str], at_once: int = 1
) -> tuple[Finding, ...]:
    """Return what has to stop while these servers are away, so many at once, as any of them says.

    Raises `Invalid` where none says anything.
    """
    if len(machines) == 1:
        text = "it is alone: what is on it stops while it is away"
        return (Finding(server=machines[0].name, what="alone", text=text),)
    load = await asked(desk, machines, partial(_load, names=[each.name for each in machines]))
    homeless = await homeless_on(desk, machines[0].cluster, names, at_once)
    return (*crowded(names, load, at_once), *homeless)


async def asked(
    desk: Desk, machines: Sequence[Machine], ask: Callable[[Agents, Line], Awaitable[T]]
) -> T:
    """Return what the first of a cluster's servers says that says anything. Raises `Invalid`."""
    if desk.agents is None:
        raise Unsupported("this server looks after no machines")
    why = ""
    for each in machines:
        try:
            return await ask(desk.agents, line_of(each))
        except DriverError as error:
            why = error.text
    raise Invalid(f"no server says what is on it: {why}")


async def _members(agents: Agents, line: Line) -> list[Mapping[str, Any]]:
    return [_object(each) for each in await agents.call(line, Order(path=MEMBERS)) or ()]


async def _load(agents: Agents, line: Line, *, names: Sequence[str]) -> Load:
    instances = await agents.call(line, Order(path=_ALL, within_s=_LISTED_S))
    room = {}
    for name in names:
        said = await agents.call(line, Order(path=f"/1.0/cluster/members/{name}/state"))
        room[name] = int(_object(_object(said).get("sysinfo")).get("free_ram") or 0)
    return Load(guests=tuple(_guests(instances)), free_bytes=room)


def _guests(said: Any) -> Iterator[Guest]:
    """Yield the instances that run."""
    for each in map(_object, said or ()):
        if each.get("status") not in ("Running", "Frozen"):
            continue
        config = _object(each.get("expanded_config") or each.get("config"))
        yield Guest(
            name=str(each.get("name")),
            member=str(each.get("location")),
            memory_bytes=_bytes(str(config.get("limits.memory", ""))) or _used(each),
            bound=_bound(each, str(config.get("cluster.evacuate", ""))),
        )


def _bound(instance: Mapping[str, Any], mode: str) -> str:
    if mode not in _MOVES:
        return f"its cluster.evacuate is {mode}"
    devices = _object(instance.get("expanded_devices") or instance.get("devices"))
    here = [name for name, each in devices.items() if _object(each).get("type") in _BINDING]
    return f"it has {', '.join(sorted(here))} of its server" if here else ""


def _used(instance: Mapping[str, Any]) -> int:
    """Return the memory that an instance takes which has no limit, or one by the hundred."""
    return int(_object(_object(instance.get("state")).get("memory")).get("usage") or 0)


def _bytes(said: str) -> int:
    number = said.rstrip("BGiKMTk")
    unit = said[len(number) :]
    return int(number) * _UNITS[unit] if number.isdigit() and unit in _UNITS else 0


def _object(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}

"""One turn of a job: its next step written down, taken, and what came of it written down."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from muster.base.errors import Permanent, Stale, Transient
from muster.decide.server_clusters.effects import at_begin, at_end
from muster.decide.server_clusters.hidden import concealed, revealed
from muster.decide.server_clusters.jobs import Came, after, begun, is_gone, next_entry
from muster.engine.cordon import standing
from muster.engine.run import Broke, unbroken
from muster.engine.server_jobs import (
    caring,
    clouds,
    draining,
    hooking,
    joining,
    leaving,
    objects,
    setting,
)
from muster.engine.server_jobs.scene import Scene
from muster.engine.site import Site
from muster.model.cluster import Cluster
from muster.model.machine import Machine
from muster.model.machine_token import MachineToken
from muster.model.node import Node
from muster.model.server_cluster import ServerCluster
from muster.model.server_job import Entry, EntryStatus, Verb
from muster.model.system import ADDRESS
from muster.ports.agent import Agents
from muster.ports.store import Query, Transaction

T = TypeVar("T")
RESET_WITHIN = timedelta(hours=1)  # a server that was told to reset itself has to be back
Look = Callable[[Scene], Awaitable[Mapping[str, Any] | Came]]
Do = Callable[[Scene], Awaitable[Came]]


async def _nothing(_: Scene) -> Mapping[str, Any]:
    return {}


# How each step looks at what there is before, and how it is taken. What it saw is written down
# with its beginning, so that whoever takes it again knows how things were before the first time.
VERBS: Mapping[Verb, tuple[Look, Do]] = {
    Verb.SERVICE: (setting.service_before, setting.set_service),
    Verb.ADDRESSES: (setting.addresses_before, setting.set_settings),
    Verb.BOOTSTRAP: (joining.alone_before, joining.bootstrap),
    Verb.JOIN: (_nothing, joining.join),
    Verb.CHANNEL: (setting.channel_before, setting.set_channel),
    Verb.OBJECT: (_nothing, objects.make_object),
    Verb.SETTINGS: (_nothing, setting.set_settings),
    Verb.CLEAR: (_nothing, leaving.cleared),
    Verb.EMPTY: (_nothing, leaving.nothing_left),
    Verb.RESET: (leaving.reset_before, leaving.reset),
    Verb.STRIKE: (_nothing, leaving.strike),
    Verb.RELEASE: (_nothing, leaving.released),
    Verb.CERTIFICATE: (_nothing, caring.set_certificate),
    Verb.UPDATE: (_nothing, caring.update),
    Verb.DRAIN: (caring.need_before, draining.drain),
    Verb.EVACUATE: (caring.need_before, caring.evacuate),
    Verb.REBOOT: (caring.uptime_before, caring.reboot),
    Verb.RESTORE: (_nothing, caring.restore),
    Verb.SETTLE: (_nothing, caring.settle),
    Verb.HOOK: (hooking.due_before, hooking.ask),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A step that is due, of the job as it was read."""

    cluster: ServerCluster
    number: int

    @property
    def entry(self) -> Entry:
        assert self.cluster.job is not None
        return self.cluster.job.entries[self.number]


async def advance(site: Site, agents: Agents, id: UUID) -> bool:
    """Take the step of a cluster's job that is due; return whether there was one.

    Raises `Stale` where somebody changed the job meanwhile.
    """
    (cluster, machines), told = await site.store.read(
        lambda tx: (read(tx, id), tx.settings.get(ADDRESS))
    )
    job, now = cluster.job if cluster else None, site.clock.now()
    number = next_entry(job, now) if job else None
    if cluster is None or job is None or number is None:
        return False
    step = _Step(cluster=cluster, number=number)
    reach = site.clouds.get(cluster.name)
    scene = Scene(
        agents=agents,
        cluster=cluster,
        machines={each.name: each for each in machines},
        entry=_open(step),
        now=now,
        url=told or site.url,
        hooks=site.hooks,
        volumes=reach.cloud.volumes if reach else None,
    )
    came = await _looked(scene)
    if isinstance(came, Came):
        await site.store.write(lambda tx: _end(tx, step, came, now))
        return True
    begun_step = await site.store.write(lambda tx: _begin(tx, step, came, now))
    (cluster, machines), there = await site.store.read(
        lambda tx: (read(tx, id), _standing(tx, begun_step))
    )
    at_work = replace(
        scene,
        entry=_open(begun_step),
        machines={each.name: each for each in machines},
        standing=there,
    )
    result = await _taken(at_work)
    await site.store.write(lambda tx: _end(tx, begun_step, result, site.clock.now()))
    return True


def _open(step: _Step) -> Entry:
    """Return what a step does with its secrets in it; no row has them so."""
    return replace(step.entry, body=revealed(step.entry.body, step.cluster.secrets))


async def _looked(scene: Scene) -> Mapping[str, Any] | Came:
    """Return how things are before a step, or why that cannot be seen."""
    look, _ = VERBS[scene.entry.verb]
    if scene.entry.status is EntryStatus.BEGUN:
        return {}
    return await _outcome(scene, look)


async def _taken(scene: Scene) -> Came:
    _, do = VERBS[scene.entry.verb]
    return await _outcome(scene, do)


async def _outcome(scene: Scene, work: Callable[[Scene], Awaitable[T]]) -> T | Came:
    """Return what work comes to, or why it did not: whatever breaks it, the job says so."""
    secrets = scene.cluster.secrets
    try:
        came = await unbroken(work(scene), cluster=scene.cluster.name, verb=str(scene.entry.verb))
    except Transient as error:
        return Came(refused=concealed(error.text, secrets))
    except Permanent as error:
        return Came(refused=concealed(error.text, secrets), final=True)
    if isinstance(came, Came):
        refused, said = (concealed(each, secrets) for each in (came.refused, came.said))
        return replace(came, refused=refused, said=said)
    return Came(refused=came.reason) if isinstance(came, Broke) else came


def read(tx: Transaction, id: UUID) -> tuple[ServerCluster | None, list[Machine]]:
    """Return a cluster, and all machines that it or its job names."""
    cluster = tx.server_clusters.get(id)
    if cluster is None:
        return None, []
    entries = cluster.job.entries if cluster.job else ()
    named = tuple({each.server for each in entries if each.server})
    found = {
        each.id: each
        for query in ({"name": named}, {"cluster": (cluster.name,)})
        for each in tx.machines.find(Query(where=query))
    }
    return cluster, list(found.values())


def _begin(tx: Transaction, step: _Step, kept: Mapping[str, Any], now: datetime) -> _Step:
    """Write down that a step begins. Raises `Stale`."""
    there, machines = _unchanged(tx, step)
    assert there.job is not None
    job = begun(there.job, step.number, kept, now)
    cluster = replace(there, job=job, generation=there.generation + 1)
    entry = job.entries[step.number]
    tx.server_clusters.put(cluster)
    tx.machines.put(*at_begin(cluster, entry, machines, now))
    clouds.follow(tx, cluster.id, now)
    begun_step = _Step(cluster=cluster, number=step.number)
    if entry.verb is Verb.RESET:
        _admit(tx, entry, now)
    if entry.tries == 1:
        tx.marks.mark(*{each.id for each, _ in _standing(tx, begun_step)})
    return begun_step


def _standing(tx: Transaction, step: _Step) -> list[tuple[Cluster, Node]]:
    """Return the nodes that are to leave the server of a step, where it is one of draining."""
    entry = step.entry
    if entry.verb is not Verb.DRAIN or not entry.kept.get("needed", True):
        return []
    return standing(tx, step.cluster.name, entry.server, entry.begun_at)


def _admit(tx: Transaction, entry: Entry, now: datetime) -> None:
    """Have a token by which a server that is reset registers again."""
    token = UUID(str(entry.kept["token"]))
    if tx.machine_tokens.get(token) is None:
        tx.machine_tokens.put(reset_token(token, entry.server, now))


def reset_token(id: UUID, server: str, now: datetime) -> MachineToken:
    about = f"by which server {server} comes back after its reset"
    until = now + RESET_WITHIN
    return MachineToken(id=id, uses_remaining=1, expire_at=until, description=about, created_at=now)


def _end(tx: Transaction, step: _Step, came: Came, now: datetime) -> None:
    """Write down what came of a step. Raises `Stale`."""
    there, machines = _unchanged(tx, step)
    cluster = after(there, step.number, came, now)
    if is_gone(cluster):
        tx.server_clusters.drop(cluster.id)
    else:
        grown = replace(cluster, generation=there.generation + 1, updated_at=now)
        tx.server_clusters.put(grown)
    tx.machines.put(*at_end(cluster, step.number, machines, now))
    clouds.follow(tx, cluster.id, now)


def _unchanged(tx: Transaction, step: _Step) -> tuple[ServerCluster, list[Machine]]:
    """Return the cluster as it is now, its step being as it was. Raises `Stale`."""
    there, machines = read(tx, step.cluster.id)
    job, mine = there.job if there else None, step.cluster.job
    same = job is not None and mine is not None and job.id == mine.id
    if there is None or not same or job is None or job.entries[step.number] != step.entry:
        raise Stale(f"the job of server cluster {step.cluster.name} was changed meanwhile")
    return there, machines

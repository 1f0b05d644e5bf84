"""Clusters of servers: wished for, listed, changed, renamed, let go."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from muster.base.errors import Conflict, Invalid, NotFound
from muster.base.ids import new_id
from muster.decide.server_clusters.documents import Document, needs_number, orders
from muster.decide.server_clusters.leaving import dissolution
from muster.decide.server_clusters.making import Newcomer, at_port, creation, rechannelled
from muster.decide.server_clusters.numbers import numbered
from muster.decide.server_clusters.preflight import Finding, address_of
from muster.model.bulk import ENDED, Bulk, BulkStatus
from muster.model.machine import Machine, MachineStatus
from muster.model.server_cluster import Rolling, ServerCluster, ServerClusterStatus
from muster.model.server_job import Entry, Job, JobKind
from muster.ports.signal import JOBS
from muster.ports.store import Query, Transaction
from muster.service.ask import Fault
from muster.service.desk import Desk
from muster.service.provisioning.clouds import Standing, let_go, outlive, refuse_taken, standing
from muster.service.provisioning.foresight import ClusterAsk, foreseen
from muster.service.provisioning.machines import alone
from muster.service.provisioning.machines import found as machine_found

T = TypeVar("T")
Check = Callable[[ServerCluster], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterWords:
    """What somebody may say of a cluster without doing anything to it."""

    connection_url: str = ""
    channel: str | None = None  # None: as it is
    description: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    rolling: Rolling | None = None  # None: as it is
    cloud: bool | None = None  # whether it becomes one; None: as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A cluster, and what is its own."""

    cluster: ServerCluster
    servers: tuple[Machine, ...]  # by name
    standing: Standing  # as a cloud
    bulk: Bulk | None = None  # the newest change to all its servers


async def listing(desk: Desk) -> list[Whole]:
    """Return every cluster whole, by name."""
    query = Query(sort=(("name", False),))

    def work(tx: Transaction) -> list[Whole]:
        return [_whole(desk, tx, each) for each in tx.server_clusters.find(query)]

    return await desk.store.read(work)


async def whole(desk: Desk, name: str) -> Whole:
    """Return a cluster with what is its own. Raises `NotFound`."""
    return await desk.store.read(lambda tx: _whole(desk, tx, found(tx, name)))


def _whole(desk: Desk, tx: Transaction, cluster: ServerCluster) -> Whole:
    mine = tuple(members(tx, cluster))
    newest = Query(where={"cluster_id": (cluster.id,)}, sort=(("created_at", True),), limit=1)
    return Whole(
        cluster=cluster,
        servers=mine,
        standing=standing(desk, tx, cluster),
        bulk=next(iter(tx.bulks.find(newest)), None),
    )


async def show(desk: Desk, name: str) -> ServerCluster:
    return await desk.store.read(lambda tx: found(tx, name))


def found(tx: Transaction, name: str) -> ServerCluster:
    """Return the cluster of that name. Raises `NotFound`."""
    there = tx.server_clusters.find(Query(where={"name": (name,)}, limit=1))
    if not there:
        raise NotFound(f"there is no cluster '{name}'")
    return there[0]


def members(tx: Transaction, cluster: ServerCluster) -> list[Machine]:
    """Return the servers of a cluster, by name."""
    return tx.machines.find(Query(where={"cluster": (cluster.name,)}, sort=(("name", False),)))


async def created(desk: Desk, ask: ClusterAsk, words: ClusterWords) -> ServerCluster:
    """Return the cluster, which is made from now on. Nothing was done to any server yet.

    Raises `Invalid` with everything that speaks against it.
    """
    told = await foreseen(desk, ask)
    refuse(told.findings)
    now = desk.clock.now()

    def work(tx: Transaction) -> ServerCluster:
        alone(tx, new_id(), now)
        _refuse_twins(tx, ask.name)
        cloud = words.cloud is not False
        if cloud:
            refuse_taken(desk, tx, ask.name)
        machines = free(tx, ask.server_names)
        made = ServerCluster(
            id=new_id(),
            name=ask.name,
            kind=ask.server_type,
            connection_url=words.connection_url or _url_of(machines[0]),
            channel=ask.channel,
            description=words.description,
            properties=words.properties,
            rolling=words.rolling or Rolling(),
            cloud=cloud,
            services=told.asked,
            seed=told.seed,
            secrets=told.secrets,
            created_at=now,
        )
        newcomers = arriving(tx, machines, told.asked)
        entries = creation(newcomers, told.seed, ask.channel)
        return begin(tx, made, new_job(JobKind.CREATE, entries, now), machines)

    return await ordered(desk, work)


async def ordered(desk: Desk, work: Callable[[Transaction], T]) -> T:
    """Return what `work` brings, which gives a job; whoever takes its steps hears of it."""
    brought = await desk.store.write(work)
    desk.signal.wake(JOBS)
    return brought


def refuse(findings: Iterable[Finding]) -> None:
    """Raise `Invalid` with everything that speaks against something, if anything does."""
    faults = tuple(Fault(_field(each), each.text) for each in findings)
    if faults:
        text = "; ".join(f"{each.field}: {each.message}" for each in faults)
        raise Invalid(text, errors=faults)


def _field(finding: Finding) -> str:
    return f"server_names.{finding.server}" if finding.server else finding.what


def _url_of(machine: Machine) -> str:
    return f"https://{at_port(address_of(machine, 'cluster'))}"


def free(tx: Transaction, names: Sequence[str]) -> list[Machine]:
    """Return servers that are of no cluster, as they are now. Raises `Conflict`."""
    machines = [machine_found(tx, name) for name in names]
    for each in machines:
        if each.cluster or each.owes_reset or each.status is not MachineStatus.READY:
            raise Conflict(f"server '{each.name}' is not free any more")
    return machines


def arriving(
    tx: Transaction, machines: Sequence[Machine], services: Document
) -> tuple[Newcomer, ...]:
    """Return servers with what their services are to be set to; numbers are given with that."""
    bearing: dict[object, int] = {}
    if needs_number(services):
        given = numbered(tx.host_numbers.find(Query()), [each.id for each in machines])
        if given is None:
            raise Conflict("no number is left for those of their lvm")
        tx.host_numbers.put(*given)
        bearing = {each.machine_id: each.number for each in given}
    return tuple(
        Newcomer(machine=each, services=orders(services, bearing.get(each.id))) for each in machines
    )


def new_job(kind: JobKind, entries: Sequence[Entry], now: datetime) -> Job:
    return Job(id=new_id(), kind=kind, entries=tuple(entries), asked_at=now)


def begin(
    tx: Transaction, cluster: ServerCluster, job: Job, machines: Sequence[Machine] = ()
) -> ServerCluster:
    """Return the cluster with a job to do, the servers being its own. Raises `Conflict`."""
    if cluster.busy and cluster.job:
        text = f"cluster '{cluster.name}' is at something: {cluster.job.kind}"
        raise Conflict(f"{text}, which is {cluster.job.status}")
    # Whoever begins to change its servers otherwise waits for this transaction.
    tx.leases.take(f"bulk updates/{cluster.id}", str(job.id), job.asked_at, job.asked_at)
    refuse_changing(tx, cluster)
    made = replace(cluster, job=job, generation=cluster.generation + 1)
    tx.server_clusters.put(made)
    tx.machines.put(*(replace(each, cluster=made.name) for each in machines))
    return made


def refuse_changing(tx: Transaction, cluster: ServerCluster) -> None:
    """Raise `Conflict` where all servers of a cluster are being changed just now."""
    open_ones = {"cluster_id": (cluster.id,), "status": tuple(set(BulkStatus) - ENDED)}
    for each in tx.bulks.find(Query(where=open_ones)):
        raise Conflict(f"bulk update {each.id} of cluster '{cluster.name}' is under way")


def refuse_unready(cluster: ServerCluster) -> None:
    if cluster.status is not ServerClusterStatus.READY:
        raise Conflict(f"cluster '{cluster.name}' is {cluster.status}, and not ready")


async def changed(desk: Desk, name: str, words: ClusterWords, check: Check) -> None:
    """Say this of a cluster. Another channel is told to its servers, by a job.

    Raises `Conflict` for one that is to be no cloud, and where something of ours is in that.
    """

    def work(tx: Transaction) -> None:
        now, there = desk.clock.now(), found(tx, name)
        check(there)
        channel = there.channel if words.channel is None else words.channel
        made = replace(
            there,
            connection_url=words.connection_url or there.connection_url,
            channel=channel,
            description=words.description,
            properties=words.properties,
            rolling=words.rolling or there.rolling,
            cloud=there.cloud if words.cloud is None else words.cloud,
            generation=there.generation + 1,
            updated_at=now,
        )
        _turn(desk, tx, there, made)
        if channel == there.channel:
            tx.server_clusters.put(made)
            return
        refuse_unready(there)
        mine = [replace(each, channel=channel) for each in members(tx, there)]
        entries = rechannelled([each.name for each in mine], channel)
        begin(tx, made, new_job(JobKind.CHANNEL, entries, now), mine)

    await ordered(desk, work)


def _turn(desk: Desk, tx: Transaction, was: ServerCluster, made: ServerCluster) -> None:
    """Let go of the cloud of a cluster that is to be none, or see that it may be one."""
    if was.cloud and not made.cloud:
        let_go(desk, tx, was)
    elif made.cloud and not was.cloud:
        refuse_taken(desk, tx, made.name)


async def renamed(desk: Desk, name: str, to: str, check: Check) -> None:
    """Call a cluster otherwise; its servers know it by the new name at once.

    Raises `Conflict` where something of ours is in the cloud that it is.
    """

    def work(tx: Transaction) -> None:
        now = desk.clock.now()
        alone(tx, new_id(), now)
        there = found(tx, name)
        check(there)
        if to == name:
            return
        _refuse_twins(tx, to)
        if there.cloud:
            refuse_taken(desk, tx, to)
        let_go(desk, tx, there)
        tx.machines.put(*(replace(each, cluster=to) for each in members(tx, there)))
        grown = there.generation + 1
        tx.server_clusters.put(replace(there, name=to, generation=grown, updated_at=now))

    await desk.store.write(work)


def _refuse_twins(tx: Transaction, name: str) -> None:
    if tx.server_clusters.find(Query(where={"name": (name,)}, limit=1)):
        raise Conflict(f"there is a cluster '{name}' already", field="name")


async def removed(desk: Desk, name: str) -> None:
    """Forget a cluster that was taken back. Raises `Conflict` where it has servers."""

    def work(tx: Transaction) -> None:
        there = found(tx, name)
        if there.busy or members(tx, there):
            raise Conflict(
                f"cluster '{name}' has servers: forget it as it is (force), which does nothing to "
                "them, or reset them (factory-reset), which loses all that is on them"
            )
        let_go(desk, tx, there)
        tx.server_clusters.drop(there.id)

    await desk.store.write(work)


async def forgotten(desk: Desk, name: str) -> None:
    """Forget a cluster, whatever it is at. Nothing is done to its servers.

    The cloud that it is stays, as one that was taken on, while something of ours is in it.
    """

    def work(tx: Transaction) -> None:
        there = found(tx, name)
        outlive(desk, tx, there)
        tx.machines.put(*(replace(each, cluster="") for each in members(tx, there)))
        tx.server_clusters.drop(there.id)

    await desk.store.write(work)


async def dissolved(desk: Desk, name: str) -> ServerCluster:
    """Have every server of a cluster reset; the cluster goes with the last.

    Raises `Conflict` where something of ours is in the cloud that it is.
    """

    def work(tx: Transaction) -> ServerCluster:
        there = found(tx, name)
        entries = dissolution([each.name for each in members(tx, there)])
        if not entries:
            raise Conflict(f"cluster '{name}' has no servers: delete it")
        let_go(desk, tx, there)
        return begin(tx, there, new_job(JobKind.DISSOLVE, entries, desk.clock.now()))

    return await ordered(desk, work)

"""Servers that join a cluster, and that leave it, the lost ones as well; and its certificate."""

from muster.base.certificates import is_pair
from muster.base.errors import Conflict, Invalid
from muster.base.ids import new_id
from muster.decide.server_clusters.leaving import loss, removal
from muster.decide.server_clusters.making import addition
from muster.decide.server_clusters.preflight import unlike
from muster.model.machine import MachineStatus
from muster.model.server_cluster import ServerCluster
from muster.model.server_job import Entry, JobKind, Verb
from muster.ports.store import Transaction
from muster.service.desk import Desk
from muster.service.provisioning.clusters import (
    arriving,
    begin,
    found,
    free,
    members,
    new_job,
    ordered,
    refuse,
    refuse_unready,
    show,
)
from muster.service.provisioning.foresight import ClusterAsk, foreseen
from muster.service.provisioning.machines import alone


async def added(desk: Desk, name: str, names: tuple[str, ...]) -> ServerCluster:
    """Return the cluster that these servers join from now on.

    Raises `Invalid` with everything that speaks against it.
    """
    cluster = await show(desk, name)
    ask = ClusterAsk(
        name=name,
        server_names=names,
        server_type=cluster.kind,
        channel=cluster.channel,
        services_config=cluster.services,
    )
    told = await foreseen(desk, ask)
    now = desk.clock.now()

    def work(tx: Transaction) -> ServerCluster:
        alone(tx, new_id(), now)
        there = found(tx, name)
        refuse_unready(there)
        refuse(told.findings)
        machines = free(tx, names)
        refuse(unlike(members(tx, there), machines))
        entries = addition(arriving(tx, machines, there.services), there.seed, there.channel)
        return begin(tx, there, new_job(JobKind.ADD, entries, now), machines)

    return await ordered(desk, work)


async def taken_out(desk: Desk, name: str, names: tuple[str, ...], *, lost: bool) -> ServerCluster:
    """Return the cluster that these servers leave from now on.

    They have to be evacuated and empty. With `lost` they are struck out as they are: what was on
    them is lost, and each is reset when it comes back.
    """

    def work(tx: Transaction) -> ServerCluster:
        there = found(tx, name)
        refuse_unready(there)
        mine = {each.name: each for each in members(tx, there)}
        strangers = [each for each in names if each not in mine]
        if strangers or not names:
            said = ", ".join(strangers) or "nobody"
            raise Invalid(f"cluster '{name}' does not have {said}", field="server_names")
        if len(set(names)) >= len(mine):
            raise Conflict("one server at least stays: delete the cluster")
        answering = [each for each in names if mine[each].status is MachineStatus.READY]
        if lost and answering:
            raise Conflict(f"{', '.join(answering)} answers: what answers is not lost")
        wanted = tuple(dict.fromkeys(names))
        entries = loss(wanted) if lost else removal(wanted)
        return begin(tx, there, new_job(JobKind.REMOVE, entries, desk.clock.now()))

    return await ordered(desk, work)


async def certified(desk: Desk, name: str, certificate: str, key: str) -> ServerCluster:
    """Return the cluster that shows another certificate from now on."""
    if not is_pair(certificate, key):
        raise Invalid("is no certificate with its key, in PEM", field="cluster_certificate")

    def work(tx: Transaction) -> ServerCluster:
        there = found(tx, name)
        refuse_unready(there)
        first = members(tx, there)[0].name
        body = {"cluster_certificate": certificate, "cluster_certificate_key": key}
        entry = Entry(verb=Verb.CERTIFICATE, server=first, body=body)
        return begin(tx, there, new_job(JobKind.CERTIFICATE, (entry,), desk.clock.now()))

    return await ordered(desk, work)

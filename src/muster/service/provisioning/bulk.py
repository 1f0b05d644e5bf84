"""Changes to every server of a cluster: foreseen, asked for, and how far they are."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from muster.base.errors import Conflict, DriverError, Invalid, Lacking, NotFound, Unsupported
from muster.base.ids import new_id
from muster.decide.bulk.actions import ACTIONS, faults
from muster.decide.bulk.course import told
from muster.decide.bulk.gate import not_ready
from muster.decide.bulk.settings import needs_number
from muster.decide.bulk.wanted import features_of, parts_of, wanted
from muster.decide.bulk.words import Refusal
from muster.decide.server_clusters.numbers import numbered
from muster.model.bulk import Bulk, OnFailure, Turn, TurnStatus
from muster.model.machine import Machine
from muster.model.server_cluster import ServerCluster
from muster.ports.agent import Agents, line_of
from muster.ports.parts import lacking, present
from muster.ports.store import Query, Transaction
from muster.service.ask import Fault, refuse
from muster.service.desk import Desk
from muster.service.lookup import as_id
from muster.service.provisioning import clusters

KEPT = 100  # ended ones of a cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkAsk:
    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    on_failure: OnFailure = OnFailure.REVERT
    parallel: int = 1
    confirmation: int = 60


def actions() -> tuple[str, ...]:
    """Name everything that can be asked for."""
    return tuple(ACTIONS)


async def foreseen(desk: Desk, cluster: str, ask: BulkAsk) -> Bulk:
    """Return what would become of every server, each as if its turn had ended; nothing is done.

    Raises `Invalid` for what cannot be asked for, and where a server is not ready for it.
    """
    return told(await _foreseen(desk, cluster, ask))


async def asked(desk: Desk, cluster: str, ask: BulkAsk, user: str) -> Bulk:
    """Return the update that has begun, once every server could be changed so.

    Raises as `foreseen` does, `Lacking` where a server is not able to be so, and `Conflict`
    where another update of this cluster is under way.
    """
    seen = await _foreseen(desk, cluster, ask)
    _refuse(seen)

    def work(tx: Transaction) -> Bulk:
        now = desk.clock.now()
        # As in Note [Names one at a time].
        tx.leases.take(f"bulk updates/{seen.cluster_id}", str(seen.id), now, now)
        made = replace(_made(tx, desk, cluster, ask), id=seen.id, user=user)
        if [each.name for each in made.servers] != [each.name for each in seen.servers]:
            raise Conflict(f"cluster '{cluster}' has got other servers just now; ask again")
        _alone(tx, clusters.found(tx, cluster))
        if needs_number(ask.arguments):
            numbers = numbered(tx.host_numbers.find(Query()), [t.machine_id for t in made.servers])
            tx.host_numbers.put(*(numbers or ()))
        tx.bulks.put(made)
        tx.marks.mark(made.id)
        return made

    return told(await desk.store.write(work))


async def show(desk: Desk, said: str) -> Bulk:
    """Return one update. Raises `NotFound`."""
    id = as_id(said)
    there = await desk.store.read(lambda tx: tx.bulks.get(id)) if id else None
    if there is None:
        raise NotFound(f"there is no bulk update '{said}'")
    return told(there)


async def listing(desk: Desk, cluster: str) -> list[Bulk]:
    """Return the updates of a cluster, the newest first."""

    def work(tx: Transaction) -> list[Bulk]:
        there = clusters.found(tx, cluster)
        query = Query(where={"cluster_id": (there.id,)}, sort=(("created_at", True),))
        return [told(each) for each in tx.bulks.find(query)]

    return await desk.store.read(work)


def members(tx: Transaction, name: str) -> tuple[ServerCluster, list[Machine]]:
    """Return a cluster that is ready, and its servers by name. Raises `NotFound`, `Conflict`."""
    cluster = clusters.found(tx, name)
    clusters.refuse_unready(cluster)
    return cluster, clusters.members(tx, cluster)


async def _foreseen(desk: Desk, cluster: str, ask: BulkAsk) -> Bulk:
    agents = _agents(desk)
    bulk, (_, machines) = await desk.store.read(
        lambda tx: (_made(tx, desk, cluster, ask), members(tx, cluster))
    )
    turns = await asyncio.gather(*(_prospect(agents, bulk, each) for each in machines))
    return bulk.having(*turns)


def _agents(desk: Desk) -> Agents:
    if desk.agents is None:
        raise Unsupported("this server looks after no machines")
    return desk.agents


def _made(tx: Transaction, desk: Desk, cluster: str, ask: BulkAsk) -> Bulk:
    """Return an update as nothing of it has begun. Raises `Invalid` for all that is wrong."""
    there, machines = members(tx, cluster)
    wrong = faults(ask.action, ask.arguments)
    if wrong:
        refuse(Fault(where, why) for where, why in wrong)
    if not machines:
        raise Invalid(f"cluster '{cluster}' has no servers")
    if unready := not_ready(machines):
        raise Invalid("; ".join(unready))
    numbers = _numbers(tx, machines) if needs_number(ask.arguments) else {}
    return Bulk(
        id=new_id(),
        cluster_id=there.id,
        cluster=cluster,
        action=ask.action,
        arguments=ask.arguments,
        on_failure=ask.on_failure,
        parallel=ask.parallel,
        confirm_s=ask.confirmation,
        servers=tuple(
            Turn(machine_id=each.id, name=each.name, number=numbers.get(each.id))
            for each in machines
        ),
        created_at=desk.clock.now(),
    )


def _numbers(tx: Transaction, machines: Sequence[Machine]) -> dict[UUID, int]:
    """Return the number of each of these, as far as there are enough."""
    found = numbered(tx.host_numbers.find(Query()), [each.id for each in machines])
    if found is None:
        raise Conflict("no number is left for those that share disks")
    return {each.machine_id: each.number for each in found}


def _alone(tx: Transaction, cluster: ServerCluster) -> None:
    """Raise `Conflict` where the cluster is at something else; forget the oldest updates."""
    if cluster.busy and cluster.job:
        text = f"cluster '{cluster.name}' is at something: {cluster.job.kind}"
        raise Conflict(f"{text}, which is {cluster.job.status}")
    clusters.refuse_changing(tx, cluster)
    query = Query(where={"cluster_id": (cluster.id,)}, sort=(("created_at", True),))
    tx.bulks.drop(*(each.id for each in tx.bulks.find(query)[KEPT:]))


async def _prospect(agents: Agents, bulk: Bulk, machine: Machine) -> Turn:
    """Return a server's turn as it would end, as far as that can be known."""
    turn, line = bulk.turn(machine.name), line_of(machine)
    try:
        there = await present(agents, line, parts_of(bulk))
        made = wanted(bulk, turn, there.state)
        if isinstance(made, Refusal):
            return replace(turn, status=TurnStatus.FAILED, error=made.reason)
        if made.before == made.after:
            return replace(turn, status=TurnStatus.UNCHANGED, before=made.before, after=made.after)
        lacks = await lacking(agents, line, features_of(bulk))
    except DriverError as error:
        return replace(turn, status=TurnStatus.FAILED, error=error.text)
    if lacks:
        text = "; ".join(f"{feature}: {why}" for feature, why in lacks.items())
        return replace(turn, status=TurnStatus.SKIPPED, error=text)
    return replace(turn, status=TurnStatus.CHANGED, before=made.before, after=made.after)


def _refuse(seen: Bulk) -> None:
    """Raise what every server that cannot be changed so says against it."""
    unable = _said(seen.servers, TurnStatus.SKIPPED)
    if unable:
        raise Lacking(unable)
    failing = _said(seen.servers, TurnStatus.FAILED)
    if failing:
        raise Invalid(failing)


def _said(turns: Iterable[Turn], status: TurnStatus) -> str:
    return "; ".join(
        f"server '{each.name}': {each.error}" for each in turns if each.status is status
    )

"""Taking over from the retired service: looked up, decided, written lot by lot, servers adopted."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from muster.base.errors import Bug, DriverError, MusterError
from muster.decide.profile_types import properties_of
from muster.decide.takeover import lots
from muster.model.node import Node
from muster.model.retired import Retired, Row
from muster.model.step import ServerOrder
from muster.model.takeover import Choice, Entry, Fate, Ground, Here, Lot
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.made_of import made_of
from muster.service.types import opened


async def planned(desk: Desk, retired: Retired, choice: Choice) -> list[Lot]:
    """Return all that would be written, and what would be left and why. Changes nothing."""
    profiles = {row["id"]: await _here(desk, row, choice) for row in retired.profiles}
    there = await desk.store.read(lambda tx: _there(tx, retired))
    ground = Ground(
        now=desk.clock.now(), profiles=profiles, policy_types=desk.policy_types, there=there
    )
    return list(lots(retired, ground, choice))


async def _here(desk: Desk, row: Row, choice: Choice) -> Here | str:
    """Return what the profile is here, or why it is nothing."""
    who = Who(user=str(row["user"] or ""), project=choice.into or str(row["project"] or ""))
    try:
        found = opened(desk.profile_types, "profile_type", row["spec"] or {}, "InvalidSpec")
        properties = properties_of(found.kind, found.properties)
        made = await made_of(desk, who, found.kind, properties)
    except MusterError as error:
        return error.text
    return Here(made.server, desk.cloud(made.cloud).about)


def _there(tx: Transaction, retired: Retired) -> frozenset[UUID]:
    """Return the ids that Muster has a thing of already."""
    tables = (
        (tx.profiles, retired.profiles),
        (tx.policies, retired.policies),
        (tx.clusters, retired.clusters),
        (tx.nodes, retired.nodes),
        (tx.receivers, retired.receivers),
    )
    return frozenset(row["id"] for table, rows in tables for row in rows if table.get(row["id"]))


# Note [Rows before servers]
# A server that bears our tag and fills no place is a stray, and strays are removed. So the
# place is written first, and only then is its server adopted; whoever is interrupted in between
# takes over again, which adopts what has not been yet. The engine is asked to look last.
async def taken_over(desk: Desk, lot: Lot) -> tuple[Entry, ...]:
    """Write a lot in one transaction, adopt its servers, and return what came of it.

    What is there already is not written again, but its servers are adopted if they were not.
    See Note [Rows before servers].
    """
    await desk.store.write(lambda tx: _write(tx, lot))
    there = [each.id for each in lot.entries if each.noun == "node" and each.fate is Fate.THERE]
    known = await desk.store.read(lambda tx: tx.nodes.find(Query(where={"id": there})))
    refused = await _adopted(desk, [*lot.nodes, *known])
    keepers = [each.id for each in (lot.cluster, lot.solo) if each]
    await desk.store.write(lambda tx: tx.marks.mark(*keepers))
    return tuple(
        replace(each, why=refused[each.id]) if each.id in refused else each for each in lot.entries
    )


def _write(tx: Transaction, lot: Lot) -> None:
    tx.profiles.put(*lot.profiles)
    tx.policies.put(*lot.policies)
    tx.bindings.put(*lot.bindings)
    tx.receivers.put(*lot.receivers)
    if lot.cluster:
        tx.clusters.put(lot.cluster)
    if lot.solo:
        tx.solos.put(lot.solo)
    tx.nodes.put(*lot.nodes)


async def _adopted(desk: Desk, nodes: Sequence[Node]) -> dict[UUID, str]:
    """Have the nodes' servers be ours, and return why that failed where it did."""
    refused = {}
    for node in nodes:
        if node.ref:
            try:
                await _adopt(desk, node)
            except DriverError as error:
                refused[node.id] = f"its server {node.ref} could not be adopted: {error.text}"
    return refused


async def _adopt(desk: Desk, node: Node) -> None:
    profile = await desk.store.read(lambda tx: tx.profiles.get(node.profile_id))
    if profile is None:
        raise Bug(f"node {node.name} has no profile")
    order = ServerOrder(
        server_id=node.server_id,
        node_id=node.id,
        cluster_id=node.tag,
        project=node.project,
        name=node.name,
        index=node.index,
        spec=profile.server,
        zone=node.zone,
    )
    await desk.cloud(profile.cloud or desk.default_cloud).compute.adopt_server(node.ref, order)

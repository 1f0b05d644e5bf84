"""The look at servers that are to be like something: a warning of each that is not."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from muster.base.errors import Permanent, Transient
from muster.decide.bulk.drift import drifted, parts_of_desired, summary
from muster.engine.site import Site
from muster.engine.warnings import note
from muster.model.bulk import ENDED, BulkStatus
from muster.model.machine import Machine
from muster.model.warning import Finding, Kind
from muster.ports.agent import Agents, line_of
from muster.ports.parts import present
from muster.ports.store import Query, Transaction

_SCOPE = "drift/"
_ALL = Query()


@dataclass(frozen=True, slots=True)
class _Watched:
    """Servers that are to be like something, and whether they are being changed just now."""

    config: Mapping[str, Any]
    machines: Sequence[Machine]
    changing: bool


# Note [Not seen is not as desired]
# A server that does not answer, or whose cluster is being changed, is neither as it is to be nor
# otherwise: what was written of it before stays, until it is looked at again. One of which nothing
# is desired any more, or that is gone, has no such warning.
async def look_at_drift(site: Site) -> None:
    """Write down which servers are not as they are to be. See Note [Not seen is not as desired]."""
    agents, now = site.agents, site.clock.now()
    if agents is None:
        return
    watched = await site.store.read(_watched)
    seen: dict[UUID, list[Finding]] = {}
    for each in watched:
        if not each.changing:
            seen |= await _found(agents, each)
    there = {_scope(machine.id) for each in watched for machine in each.machines}

    def work(tx: Transaction) -> None:
        for id, found in seen.items():
            note(tx, _scope(id), found, now)
        mine = [each for each in tx.warnings.find(_ALL) if each.scope.startswith(_SCOPE)]
        tx.warnings.drop(*(each.id for each in mine if each.scope not in there))

    await site.store.write(work)


def _watched(tx: Transaction) -> list[_Watched]:
    made = []
    for each in tx.desired.find(_ALL):
        cluster = tx.server_clusters.get(each.id)
        if cluster is None or not each.config:
            continue
        open_ones = {"cluster_id": (cluster.id,), "status": tuple(set(BulkStatus) - ENDED)}
        changing = cluster.busy or bool(tx.bulks.find(Query(where=open_ones, limit=1)))
        machines = tx.machines.find(Query(where={"cluster": (cluster.name,)}))
        made.append(_Watched(each.config, machines, changing))
    return made


async def _found(agents: Agents, watched: _Watched) -> dict[UUID, list[Finding]]:
    """Return what is not as desired, by the servers that answered."""
    reports = await asyncio.gather(*(_of(agents, watched.config, m) for m in watched.machines))
    both = zip(watched.machines, reports, strict=True)
    return {machine.id: found for machine, found in both if found is not None}


async def _of(agents: Agents, config: Mapping[str, Any], machine: Machine) -> list[Finding] | None:
    """Return what is not as desired of a server; None: it does not answer."""
    try:
        there = await present(agents, line_of(machine), parts_of_desired(config))
    except Transient:
        return None
    except Permanent as error:
        return [_finding(machine, error.text)]
    text = summary(drifted(config, there.state))
    return [_finding(machine, text)] if text else []


def _finding(machine: Machine, text: str) -> Finding:
    return Finding(kind=Kind.DRIFT, entity_type="server", entity=machine.name, message=text)


def _scope(machine: UUID) -> str:
    return f"{_SCOPE}{machine}"

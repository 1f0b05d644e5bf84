"""What the servers of a cluster are to be like: said, compared with how they are, brought about."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from muster.base.errors import DriverError, Unsupported
from muster.decide.bulk.actions import faults
from muster.decide.bulk.drift import DESIRED, Difference, drifted, parts_of_desired
from muster.decide.bulk.words import Refusal
from muster.decide.secrets import masked, unmasked
from muster.model.bulk import Bulk
from muster.model.desired import Desired
from muster.model.machine import Machine
from muster.ports.agent import Agents, line_of
from muster.ports.parts import present
from muster.ports.store import Transaction
from muster.service.ask import Fault, refuse
from muster.service.desk import Desk
from muster.service.provisioning import bulk
from muster.service.provisioning.bulk import BulkAsk, members

ACTION = DESIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Where one server is another than it is to be; `error`: why that is not known."""

    server: str
    differences: tuple[Difference, ...] = ()
    error: str = ""


async def show(desk: Desk, cluster: str) -> Desired:
    """Return what is desired, secrets by their digests; of a cluster of which nothing is, {}."""
    there = await desk.store.read(lambda tx: _found(tx, cluster))
    return replace(there, config=masked(there.config))


async def put(
    desk: Desk, cluster: str, config: Mapping[str, Any], check: Callable[[Desired], None]
) -> None:
    """Say what is desired; nothing is done yet. A secret's mask stands for what it was before."""

    def work(tx: Transaction) -> None:
        there = _found(tx, cluster)
        check(replace(there, config=masked(there.config)))
        meant = unmasked(config, there.config)
        wrong = faults(ACTION, {"config": meant})
        if wrong:
            refuse(Fault(where, why) for where, why in wrong)
        tx.desired.put(replace(there, config=meant, updated_at=desk.clock.now()))

    await desk.store.write(work)


async def drift(desk: Desk, cluster: str) -> tuple[Drift, ...]:
    """Return where every server is another than it is to be; all are asked at once."""
    agents = desk.agents
    if agents is None:
        raise Unsupported("this server looks after no machines")
    desired, (_, machines) = await desk.store.read(
        lambda tx: (_found(tx, cluster), members(tx, cluster))
    )
    return tuple(await asyncio.gather(*(_of(agents, desired, each) for each in machines)))


async def applied(desk: Desk, cluster: str, options: BulkAsk, user: str) -> Bulk:
    """Begin to make every server as it is desired. Raises as `bulk.asked` does."""
    desired = await desk.store.read(lambda tx: _found(tx, cluster))
    ask = replace(options, action=ACTION, arguments={"config": desired.config})
    return await bulk.asked(desk, cluster, ask, user)


def _found(tx: Transaction, cluster: str) -> Desired:
    there, _ = members(tx, cluster)
    return tx.desired.get(there.id) or Desired(id=there.id)


async def _of(agents: Agents, desired: Desired, machine: Machine) -> Drift:
    try:
        there = await present(agents, line_of(machine), parts_of_desired(desired.config))
    except DriverError as error:
        return Drift(server=machine.name, error=error.text)
    found = drifted(desired.config, there.state)
    if isinstance(found, Refusal):
        return Drift(server=machine.name, error=found.reason)
    return Drift(server=machine.name, differences=found)

"""Machines: expected, registered, listed, changed, looked at again, let go."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from muster.base.errors import Conflict, Forbidden, Invalid, NotFound, Unsupported
from muster.base.ids import new_id
from muster.base.secret import digest
from muster.decide import machines as decide
from muster.decide.machines import CAUSES
from muster.model.machine import Machine, MachineStatus
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.lookup import as_id
from muster.service.provisioning.system import default_channel

Check = Callable[[Machine], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineAsk:
    """What somebody may say of a machine."""

    public_connection_url: str = ""
    channel: str = ""
    description: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A machine that somebody describes before it registers."""

    name: str
    system_uuid: str = ""
    machine_id: str = ""
    ask: MachineAsk


async def listing(
    desk: Desk, wanted: Callable[[Machine], bool], where: Mapping[str, str]
) -> list[Machine]:
    """Return the machines that `wanted` holds of, by name."""
    query = Query(where={name: (value,) for name, value in where.items()}, sort=(("name", False),))
    found = await desk.store.read(lambda tx: tx.machines.find(query))
    return [each for each in found if wanted(each)]


async def show(desk: Desk, name: str) -> Machine:
    return await desk.store.read(lambda tx: found(tx, name))


async def expected(desk: Desk, said: Expected) -> Machine:
    """Return the machine that is expected from now on. Raises `Conflict` for a name in use."""
    machine = Machine(
        id=new_id(),
        name=said.name,
        public_connection_url=said.ask.public_connection_url,
        channel=said.ask.channel,
        description=said.ask.description,
        properties=said.ask.properties,
        system_uuid=said.system_uuid,
        machine_id=said.machine_id,
        status=MachineStatus.UNREGISTERED,
        created_at=desk.clock.now(),
    )

    def work(tx: Transaction) -> Machine:
        alone(tx, machine.id, machine.created_at)
        _refuse_twins(tx, machine)
        whole = replace(machine, channel=machine.channel or default_channel(tx))
        tx.machines.put(whole)
        return whole

    return await desk.store.write(work)


async def changed(desk: Desk, name: str, ask: MachineAsk, check: Check) -> None:
    """Say this of a machine. `check` raises where it is not as its changer has seen it."""

    def work(tx: Transaction) -> None:
        there = found(tx, name)
        check(there)
        tx.machines.put(
            replace(
                there,
                public_connection_url=ask.public_connection_url,
                # One that is in a cluster has the channel of that.
                channel=there.channel if there.cluster else ask.channel,
                description=ask.description,
                properties=ask.properties,
                updated_at=desk.clock.now(),
            )
        )

    await desk.store.write(work)


async def renamed(desk: Desk, name: str, to: str, check: Check) -> None:
    """Call a machine otherwise. Raises `Conflict` for one in a cluster, or a name in use."""

    def work(tx: Transaction) -> None:
        now = desk.clock.now()
        there = found(tx, name)
        check(there)
        alone(tx, there.id, now)
        _refuse_members(there, "it is called by its name there")
        called = replace(there, name=to, updated_at=now)
        _refuse_twins(tx, called)
        tx.machines.put(called)

    await desk.store.write(work)


async def removed(desk: Desk, name: str) -> None:
    """Forget a machine, and give the numbers back that it bore. Nothing is done to it.

    One that owes a reset may have shared disks locked by its number still: nobody gets that again.
    """

    def work(tx: Transaction) -> None:
        there = found(tx, name)
        _refuse_members(there, "remove it from that first")
        numbers = () if there.owes_reset else tx.host_numbers.find(Query())
        tx.host_numbers.drop(*(each.id for each in numbers if each.machine_id == there.id))
        warnings = tx.warnings.find(Query(where={"scope": (f"server/{there.id}",)}))
        tx.warnings.drop(*(each.id for each in warnings))
        tx.machines.drop(there.id)

    await desk.store.write(work)


async def looked_at_again(desk: Desk, name: str) -> None:
    """Have a machine asked for everything, now."""
    if desk.agents is None:
        raise Unsupported("this server looks after no machines")

    def work(tx: Transaction) -> None:
        there = found(tx, name)
        if not there.connection_url:
            raise Invalid(f"server '{name}' has not registered: it cannot be asked")
        tx.machines.put(replace(there, polled_at=None, whole_at=None))

    await desk.store.write(work)


async def heard(desk: Desk, secret: str, cause: str, url: str) -> None:
    """Hear a machine that calls by itself, known by the secret that it got when it registered."""
    if cause not in CAUSES:
        known = ", ".join(each for each in CAUSES if each)
        raise Invalid(f"must be one of {known}, not '{cause}'", field="cause")

    def work(tx: Transaction) -> None:
        id, _, _ = secret.partition(".")
        there = tx.machines.get(as_id(id) or UUID(int=0))
        if there is None or there.secret != digest(secret):
            raise Forbidden("no server is known by this")
        tx.machines.put(decide.called(there, cause, url, desk.clock.now()))

    await desk.store.write(work)


def found(tx: Transaction, name: str) -> Machine:
    """Return the machine of that name. Raises `NotFound`."""
    there = tx.machines.find(Query(where={"name": (name,)}, limit=1))
    if not there:
        raise NotFound(f"there is no server '{name}'")
    return there[0]


def alone(tx: Transaction, id: UUID, now: datetime) -> None:
    """Wait for those who have begun to name machines, and have others wait for this transaction.

    As in Note [Names one at a time].
    """
    tx.leases.take("machines", str(id), now, now)


def _refuse_twins(tx: Transaction, machine: Machine) -> None:
    for each in tx.machines.find(Query(where={"name": (machine.name,)})):
        if each.id != machine.id:
            raise Conflict(f"there is a server '{machine.name}' already", field="name")


def _refuse_members(machine: Machine, why: str) -> None:
    if machine.cluster:
        text = f"server '{machine.name}' is in cluster '{machine.cluster}'"
        raise Conflict(f"{text}: {why}")

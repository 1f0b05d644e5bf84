"""What one server is told at once: to reboot, to go off, to be as it was when it was new."""

from collections.abc import Mapping
from dataclasses import replace

from muster.base.errors import Conflict, Permanent, Transient, Unavailable, Unsupported
from muster.model.machine import Happening, Machine, MachineStatus
from muster.ports.agent import Order, line_of
from muster.ports.store import Transaction
from muster.service.desk import Desk
from muster.service.provisioning.machines import found

_TELLS: Mapping[str, Happening] = {
    "reboot": Happening.REBOOT_BEGUN,
    "poweroff": Happening.SHUTDOWN_BEGUN,
}


async def ordered(desk: Desk, name: str, verb: str, *, force: bool) -> None:
    """Tell a server; one of a cluster only where it is evacuated, or by force."""
    if desk.agents is None:
        raise Unsupported("this server looks after no machines")
    machine = await desk.store.read(lambda tx: found(tx, name))
    _refuse_silent(machine)
    if machine.cluster and machine.facts.in_maintenance == 0 and not force:
        raise Conflict(f"server '{name}' is not evacuated: evacuate it first, or force it")
    order = Order(path=f"/os/1.0/system/:{verb}", method="POST", body={})
    try:
        await desk.agents.call(line_of(machine), order)
    except (Permanent, Transient) as error:
        raise Unavailable(error.text) from None

    def work(tx: Transaction) -> None:
        tx.machines.put(found(tx, name).met(_TELLS[verb], desk.clock.now()))

    await desk.store.write(work)


def _refuse_silent(machine: Machine) -> None:
    if machine.status is not MachineStatus.READY:
        raise Conflict(f"server '{machine.name}' is {machine.status}, and not ready")


async def renewed(desk: Desk, name: str) -> None:
    """Have a server that is of no cluster be reset; it registers again. All on it is lost."""

    def work(tx: Transaction) -> None:
        there = found(tx, name)
        if there.cluster:
            raise Conflict(f"server '{name}' is in cluster '{there.cluster}': remove it from that")
        _refuse_silent(there)
        owing = replace(there, owes_reset="somebody has it reset")
        tx.machines.put(owing.met(Happening.OWES, desk.clock.now()))

    await desk.store.write(work)

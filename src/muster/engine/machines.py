"""Machines as they are: asked when they are due, and what they said written down."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from muster.base.certificates import fingerprint
from muster.base.errors import DriverError, Permanent
from muster.base.log import log
from muster.decide import machines as decide
from muster.decide.machines import Answer, Pulse
from muster.decide.pins import Shown, shown_as, tries
from muster.decide.warnings import of_machine
from muster.engine.loop import attempt
from muster.engine.site import Site
from muster.engine.warnings import note
from muster.model.machine import INCUS_KINDS, Facts, Machine, MachineStatus
from muster.model.system import SHOWN, SHOWN_AS
from muster.ports.agent import Agents, Line, Order, found, line_of, listed
from muster.ports.store import Query, Transaction

AT_ONCE = 32
ALL_EVERY = timedelta(seconds=5)
_NEWCOMERS = Query(where={"status": (str(MachineStatus.PENDING),)})
HERE = "/os/1.0"
_WHOLE = ("resources", "network", "security", "storage", "update")
_MAINTENANCE = {"Evacuating": 1, "Evacuated": 2, "Restoring": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """As much of a machine as tells it from others."""

    name: str
    fingerprint: str = ""


# Note [Nobody waits for the silent]
# A machine that does not answer takes its time. So each is asked in the background, and one whose
# last asking has not ended misses its turn. What came of it is put to the row as it is then:
# somebody may have renamed the machine meanwhile, or it may have called by itself.
# Rows of machines are large. Only newcomers are in a hurry, so they are looked through each time
# and the others now and then.
class Patrol:
    """The askings of one engine over all machines. See Note [Nobody waits for the silent]."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[UUID, asyncio.Task[bool | None]] = {}
        self._all_at = datetime.min.replace(tzinfo=UTC)  # when all are looked through next

    async def begin(self) -> list[asyncio.Task[bool | None]]:
        """Begin to ask the machines that are due; return all that is under way."""
        agents, now = self._site.agents, self._site.clock.now()
        if agents is None:
            return []
        query = _NEWCOMERS if now < self._all_at else Query()
        if query is not _NEWCOMERS:
            self._all_at = now + ALL_EVERY
        pulses = await self._site.store.read(lambda tx: tx.machines.find_as(query, Pulse))
        self._under_way = {id: task for id, task in self._under_way.items() if not task.done()}
        for pulse in pulses:
            due = decide.due_at(pulse)
            if due is None or now < due or pulse.id in self._under_way:
                continue
            asking = attempt("machine", partial(self._ask, agents, pulse.id))
            self._under_way[pulse.id] = asyncio.create_task(asking)
        return list(self._under_way.values())

    def stop(self) -> None:
        """Let the askings go that are under way; they are begun again."""
        for each in self._under_way.values():
            each.cancel()

    async def _ask(self, agents: Agents, id: UUID) -> bool:
        """Ask one machine, and keep what came of it; return whether it answered."""
        async with self._slots:
            machine, shown = await self._site.store.read(
                lambda tx: (tx.machines.get(id), _shown(tx))
            )
            if machine is None:
                return False
            try:
                met = await self._met(agents, machine)
                answer = await asked(agents, met, whole=decide.wants_all(met, self._now()))
            except DriverError as error:
                await self._keep(machine, machine, error.text)
                return False
            await self._keep(machine, met, answer)
            if shown:
                await _tell_pin(agents, met, shown)
            return True

    async def _met(self, agents: Agents, machine: Machine) -> Machine:
        """Return the machine with its certificate: what it shows first, where it named none.

        See Note [Who a machine is] in service/provisioning/registration.py.
        """
        if machine.certificate:
            return machine
        shown = await agents.shown(machine.connection_url)
        return replace(machine, certificate=shown, fingerprint=fingerprint(shown) or "")

    async def _keep(self, asked: Machine, met: Machine, came: Answer | str) -> None:
        """Put what came of it to the machine, unless that moved or registered anew meanwhile."""

        def work(tx: Transaction) -> None:
            there = tx.machines.get(asked.id)
            if there is None or _registration(there) != _registration(asked):
                return
            twin = _twin(tx, met) if met.certificate != there.certificate else ""
            if twin or isinstance(came, str):
                why = f"it shows the certificate of server '{twin}'" if twin else came
                self._put(tx, decide.silent(there, str(why), self._now()))
                return
            there = replace(there, certificate=met.certificate, fingerprint=met.fingerprint)
            self._put(tx, decide.answered(there, came, self._now()))

        await self._site.store.write(work)

    def _put(self, tx: Transaction, machine: Machine) -> None:
        tx.machines.put(machine)
        note(tx, f"server/{machine.id}", of_machine(machine), self._now())

    def _now(self) -> datetime:
        return self._site.clock.now()


def _shown(tx: Transaction) -> Shown | None:
    chain = tx.settings.get(SHOWN)
    return shown_as(chain, tx.settings.get(SHOWN_AS)) if chain else None


async def _tell_pin(agents: Agents, machine: Machine, shown: Shown) -> None:
    """Have a machine be held to the certificate that we show now; what fails is tried again.

    See Note [Who is held to our certificate] in service/provisioning/system.py.
    """
    line, path = line_of(machine), f"{HERE}/system/provider"
    try:
        provider = _object(_object(await found(agents, line, path)).get("config"))
    except DriverError as error:
        log().warning("machine.knows_old_certificate", server=machine.name, reason=error.text)
        return
    for wanted in tries(provider, shown):
        body = {"config": wanted}
        try:
            await agents.call(line, Order(path=path, method="PUT", body=body, within_s=30.0))
        except DriverError as error:
            log().warning("machine.knows_old_certificate", server=machine.name, reason=error.text)
        else:
            log().info("machine.told_certificate", server=machine.name)
            return


def _registration(machine: Machine) -> tuple[Line, str]:
    """Return what is another once a machine has moved, or has registered again."""
    return line_of(machine), machine.secret


def _twin(tx: Transaction, met: Machine) -> str:
    """Return who has shown that certificate before, "" for nobody."""
    others = tx.machines.find_as(Query(), Face)
    return next((each.name for each in others if each.fingerprint == met.fingerprint), "")


async def asked(agents: Agents, machine: Machine, *, whole: bool) -> Answer:
    """Return what a machine says of itself; with `whole` everything. Raises `DriverError`."""
    about = await agents.call(line_of(machine), Order(path=HERE))
    environment = _object(about).get("environment")
    if not isinstance(environment, Mapping):
        raise Permanent(f"{HERE} has no environment: no agent answers there")
    facts = await _facts(agents, machine, environment) if whole else None
    if facts and machine.status is MachineStatus.OFFLINE and facts.kind in INCUS_KINDS:
        await found(agents, line_of(machine), "/1.0")  # it may be starting still
    return Answer(environment=environment, facts=facts)


async def _facts(agents: Agents, machine: Machine, environment: Mapping[str, Any]) -> Facts:
    line = line_of(machine)
    parts = {name: await found(agents, line, f"{HERE}/system/{name}") for name in _WHOLE}
    return Facts(
        **{name: _object(each) for name, each in parts.items()},
        environment=environment,
        applications=await _applications(agents, line),
        in_maintenance=await _maintenance(agents, machine),
    )


async def _applications(agents: Agents, line: Line) -> tuple[Mapping[str, Any], ...]:
    """Return what a machine has, each with its name and its versions."""
    made = []
    for name in await listed(agents, line, f"{HERE}/applications") or ():
        said = _object(await found(agents, line, f"{HERE}/applications/{name}"))
        made.append({"name": name, **_object(said.get("state"))})
    return tuple(made)


async def _maintenance(agents: Agents, machine: Machine) -> int:
    if not machine.cluster:
        return 0
    path = f"/1.0/cluster/members/{machine.name}"
    return _MAINTENANCE.get(
        str(_object(await found(agents, line_of(machine), path)).get("status")), 0
    )


def _object(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}

"""Bulk updates carried out: each server looked at, changed, or set back, one thing at a time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from muster.base.backoff import delay
from muster.base.errors import DriverError, Stale, Transient
from muster.base.log import log
from muster.decide.bulk.course import Broken, Course, Seen, Step, Task, course, ended
from muster.decide.bulk.orders import NETWORK, Call, Way, next_call, path_of, way_back
from muster.decide.bulk.wanted import parts_of, wanted
from muster.decide.bulk.words import Refusal
from muster.decide.warnings import of_bulk
from muster.engine.passed import Passed
from muster.engine.run import Broke, unbroken
from muster.engine.site import Site
from muster.engine.warnings import note
from muster.model.bulk import ENDED, Bulk, State, Turn
from muster.ports.agent import Agents, Line, Order, line_of
from muster.ports.parts import present
from muster.ports.store import Claim, Transaction

TRIES = 3
MOST_CALLS = 100  # of one server; more, and it does not become what it is told
LEEWAY_S = 5.0  # beside the time within which a network has to be confirmed

Came = Sequence[tuple[Step, Seen | Broken]]


# Note [No one waits for a wave]
# Servers take their time, and each its own. So this is one long pass: whoever ends makes room for
# the next at once. Everything is written down before and after, under the claim, so it may end
# at any moment, and whoever claims it next goes on.
async def carry_on(site: Site, claim: Claim) -> Passed | None:
    """Carry a bulk update on until it has ended; None if there is none. See the note above.

    See Note [No one waits for a wave].
    """
    id = claim.cluster_id
    if await site.store.read(lambda tx: tx.bulks.get(id)) is None:
        return None
    if site.agents is None:
        raise Transient("no machine is looked after here")
    under_way: dict[Step, asyncio.Task[Seen | Broken]] = {}
    came: Came = ()
    first = True
    try:
        while True:
            now = await _written(site, claim, came)
            for step in now.steps:
                if step not in under_way:
                    work = _One(site, site.agents, now.bulk, step, resumed=first).done()
                    under_way[step] = asyncio.create_task(work)
            if not under_way:
                return Passed()
            first = False
            await asyncio.wait(under_way.values(), return_when=asyncio.FIRST_COMPLETED)
            over = [step for step, task in under_way.items() if task.done()]
            came = [(step, under_way.pop(step).result()) for step in over]
    finally:
        for task in under_way.values():
            task.cancel()


async def _written(site: Site, claim: Claim, came: Came) -> Course:
    """Write down how steps ended and what is begun with next; return that."""
    now = site.clock.now()

    def work(tx: Transaction) -> Course:
        tx.marks.check(claim)
        there = tx.bulks.get(claim.cluster_id)
        if there is None:
            raise Stale("the bulk update is gone")
        bulk = there
        for step, outcome in came:
            bulk = ended(bulk, step, outcome, now)
        decided = course(bulk, now)
        if decided.bulk != there:
            tx.bulks.put(decided.bulk)
        if decided.bulk.status in ENDED:
            note(tx, f"bulk/{bulk.cluster}", of_bulk(decided.bulk), now)
        return decided

    return await site.store.write(work)


@dataclass
class _One:
    """One step at one server."""

    site: Site
    agents: Agents
    bulk: Bulk
    step: Step
    resumed: bool  # it may have been told something by whoever was at it before
    told: bool = False
    patient_until: float = 0.0  # while a network changes, silence is no failure

    async def done(self) -> Seen | Broken:
        turn = self.bulk.turn(self.step.name)
        machine = await self.site.store.read(lambda tx: tx.machines.get(turn.machine_id))
        if machine is None:
            return Broken("it is not known any more")
        self.told = self.resumed and self.step.task is Task.APPLY
        try:
            came = await unbroken(self._go(line_of(machine), turn), server=turn.name)
            return Broken(came.reason, self.told) if isinstance(came, Broke) else came
        except DriverError as error:
            log(server=turn.name, bulk=str(self.bulk.id)).info("bulk.refused", reason=error.text)
            return Broken(error.text, self.told)

    async def _go(self, line: Line, turn: Turn) -> Seen | Broken:
        if self.step.task is Task.LOOK:
            now = await self._look(line, parts_of(self.bulk))
            made = wanted(self.bulk, turn, now)
            return Broken(made.reason) if isinstance(made, Refusal) else made
        way = Way(before=turn.before or {}, after=turn.after or {}, confirm_s=self.bulk.confirm_s)
        if self.step.task is Task.APPLY:
            return await self._walk(line, way)
        if not turn.error:
            return await self._walk(line, replace(way, before=way.after, after=way.before))
        half_way = await present(self.agents, line, way.before)
        return await self._walk(line, way_back(half_way, way))

    async def _look(self, line: Line, parts: Sequence[str]) -> State:
        for attempt in range(1, TRIES):
            try:
                return (await present(self.agents, line, parts)).state
            except Transient:
                await self._rest(attempt)
        return (await present(self.agents, line, parts)).state

    async def _walk(self, line: Line, way: Way) -> Seen | Broken:
        """Tell a server one thing after another until it is what it is to become."""
        failures = 0
        for _ in range(MOST_CALLS):
            try:
                now = await present(self.agents, line, way.after)
                call = next_call(now, way)
                if call is None:
                    return Seen(before=way.before, after=now.state)
                if isinstance(call, Refusal):
                    return Broken(call.reason, self.told)
                await self._tell(line, call, way)
                way = replace(way, taken=way.taken | {_part(call, way.after)})
                failures = 0
            except Transient:
                failures += 1
                if failures >= TRIES and self._now() >= self.patient_until:
                    raise
                await self._rest(failures)
        return Broken("it does not become what it is told", self.told)

    async def _tell(self, line: Line, call: Call, way: Way) -> None:
        self.told = True
        if call.path == path_of(NETWORK):
            self.patient_until = self._now() + way.confirm_s + LEEWAY_S
        order = Order(path=call.path, method=call.method, body=call.body, within_s=call.within_s)
        await self.agents.call(line, order)

    async def _rest(self, attempt: int) -> None:
        await asyncio.sleep(delay(f"{self.bulk.id}/{self.step.name}", attempt).total_seconds())

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _part(call: Call, parts: Mapping[str, object]) -> str:
    """Return the part that was put by a call, "" for none."""
    return next((each for each in parts if call.method == "PUT" and call.path == path_of(each)), "")

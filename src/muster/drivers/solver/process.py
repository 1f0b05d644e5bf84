"""The solver port: problems are solved in processes that are kept warm for a while."""

import asyncio
import contextlib
from asyncio import IncompleteReadError, Semaphore, TimerHandle
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from muster.base.errors import Transient
from muster.drivers.solver.frames import framed, received
from muster.drivers.solver.gauges import PLACEMENT_SECONDS, PLACEMENTS
from muster.model.placing import USUAL, Answer, Limit, Placed, Problem, Progress, Undecided
from muster.ports.solver import Tell, nobody

AT_ONCE = 2  # processes
IDLE_S = 600.0  # after which a process that nobody needs is let go
GRACE_S = 10.0  # over its limit, before a search is taken to be stuck
FEW_ITEMS = 10  # tried here at first: that takes less than asking somebody
FEW_HOSTS = 64

Quick = Callable[[Problem], Placed | None]


@dataclass(slots=True)
class _Child:
    process: Process
    farewell: TimerHandle | None = None

    async def ask(self, problem: Problem, limit: Limit, tell: Tell) -> Answer:
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise Transient("the solver has no pipes")
        stdin.write(framed((problem, limit)))
        await stdin.drain()
        while True:
            said = await received(stdout)
            if not isinstance(said, Progress):
                answer: Answer = said
                return answer
            tell(said)

    async def end(self) -> None:
        if self.farewell:
            self.farewell.cancel()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


class ProcessSolver:
    """Easy problems of a few items are solved here by `quick`; all others by `command`."""

    def __init__(self, command: Sequence[str], quick: Quick) -> None:
        self._command = command
        self._quick = quick
        self._free: list[_Child] = []
        self._busy: list[_Child] = []
        self._places = Semaphore(AT_ONCE)
        self._leaving: set[asyncio.Task[None]] = set()

    async def solve(self, problem: Problem, limit: Limit = USUAL, tell: Tell = nobody) -> Answer:
        with PLACEMENT_SECONDS.time():
            answer = await self._answer(problem, limit, tell)
        PLACEMENTS.labels(type(answer).__name__.lower()).inc()
        return answer

    async def _answer(self, problem: Problem, limit: Limit, tell: Tell) -> Answer:
        if len(problem.items) <= FEW_ITEMS and len(problem.hosts) <= FEW_HOSTS:
            placed = self._quick(problem)
            if placed:
                return placed
        async with self._places:
            return await self._solved(problem, limit, tell)

    async def warm(self) -> None:
        """Have a process stand by, so that the next problem need not wait for one."""
        if not self._free and not self._busy:
            self._keep(await self._started())

    @property
    def processes(self) -> tuple[int, ...]:
        """Return the process ids of those that stand by or search."""
        return tuple(child.process.pid for child in (*self._free, *self._busy))

    async def close(self) -> None:
        children = [*self._free, *self._busy]
        self._free, self._busy = [], []
        await asyncio.gather(*(child.end() for child in children), *self._leaving)

    async def _solved(self, problem: Problem, limit: Limit, tell: Tell) -> Answer:
        child = self._free.pop() if self._free else await self._started()
        if child.farewell:
            child.farewell.cancel()
        self._busy.append(child)
        well = False
        try:
            async with asyncio.timeout(limit.seconds + GRACE_S):
                answer = await child.ask(problem, limit, tell)
            well = True
            return answer
        except TimeoutError:
            return _nothing(problem, limit)
        except (IncompleteReadError, ConnectionError) as error:
            raise Transient(f"the solver has ended: {error}") from error
        finally:
            await self._put_back(child, well=well)

    async def _put_back(self, child: _Child, *, well: bool) -> None:
        """Keep a child that has answered; end one that is busy with what nobody waits for."""
        if child not in self._busy:  # closed meanwhile
            return
        self._busy.remove(child)
        if well:
            self._keep(child)
        else:
            await asyncio.shield(child.end())

    def _keep(self, child: _Child) -> None:
        loop = asyncio.get_running_loop()
        child.farewell = loop.call_later(IDLE_S, self._let_go, child)
        self._free.append(child)

    def _let_go(self, child: _Child) -> None:
        if child in self._free:
            self._free.remove(child)
            task = asyncio.ensure_future(child.end())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _started(self) -> _Child:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, start_new_session=True
            )
        except OSError as error:
            raise Transient(f"the solver could not be started: {error}") from error
        return _Child(process)


def _nothing(problem: Problem, limit: Limit) -> Undecided:
    return Undecided(
        places={},
        unplaced=tuple(sorted(item.id for item in problem.items)),
        reason=f"the search did not end within {limit.seconds + GRACE_S:g} s",
    )

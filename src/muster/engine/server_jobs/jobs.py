"""Every job on a cluster of servers, and every reset that a server owes: begun when due."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from muster.base.errors import DriverError
from muster.base.ids import new_id
from muster.decide.machines import silent
from muster.decide.server_clusters.effects import reset
from muster.decide.warnings import of_jobs
from muster.engine.loop import attempt
from muster.engine.server_jobs.clouds import Followed
from muster.engine.server_jobs.leaving import reset_order
from muster.engine.server_jobs.turn import advance, reset_token
from muster.engine.site import Site
from muster.engine.warnings import note
from muster.model.machine import Detail, Machine, MachineStatus
from muster.model.server_cluster import ServerCluster
from muster.model.server_job import AT_WORK
from muster.model.system import ADDRESS
from muster.model.warning import Finding
from muster.ports.agent import Agents, line_of
from muster.ports.store import Query, Transaction

SOON = timedelta(seconds=1)
_HERE = Query(where={"status": (str(MachineStatus.PENDING),), "cluster": ("",)})


class Jobs:
    """The jobs that one engine has at work, one step of each at a time."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._clouds = Followed(site)
        self._stopped: tuple[Finding, ...] | None = None  # as was last written down
        self._under_way: dict[UUID, asyncio.Task[bool | None]] = {}

    async def begin(self) -> list[asyncio.Task[bool | None]]:
        """Go on with every job that is due; return all that is under way."""
        agents = self._site.agents
        if agents is None:
            return []
        self._under_way = {id: task for id, task in self._under_way.items() if not task.done()}
        clusters = await self._site.store.read(lambda tx: tx.server_clusters.find(Query()))
        await self._clouds.follow(clusters)
        await self._warn(clusters)
        for each in clusters:
            if each.job and each.job.status in AT_WORK:
                self._start(each.id, partial(self._go_on, agents, each.id))
        for machine in await self._site.store.read(_owing):
            self._start(machine.id, partial(self._reset, agents, machine))
        return list(self._under_way.values())

    async def _warn(self, clusters: list[ServerCluster]) -> None:
        """Warn of jobs that wait for somebody, once each time that one begins to, or ends."""
        stopped = of_jobs(clusters)
        if stopped != self._stopped:
            await self._site.store.write(lambda tx: note(tx, "jobs", stopped, self._now()))
            self._stopped = stopped

    def stop(self) -> None:
        """Let what is under way go; it is taken up again where it was."""
        for task in self._under_way.values():
            task.cancel()

    def _start(self, id: UUID, work: Callable[[], Awaitable[bool]]) -> None:
        if id not in self._under_way:
            self._under_way[id] = asyncio.create_task(attempt("server cluster", work))

    async def _go_on(self, agents: Agents, id: UUID) -> bool:
        """Take the steps of a job that are due, or so soon that nobody needs to look again."""
        waited: datetime | None = None
        while True:
            while await advance(self._site, agents, id):
                pass
            due_at = await self._soon(id)
            if due_at is None or due_at == waited:
                return True
            await asyncio.sleep(max((due_at - self._now()).total_seconds(), 0.0))
            waited = due_at

    async def _soon(self, id: UUID) -> datetime | None:
        """Return when what a job waits for is looked at again, None where that takes a while."""
        cluster = await self._site.store.read(lambda tx: tx.server_clusters.get(id))
        job = cluster.job if cluster else None
        due_at = job.due_at if job and job.status in AT_WORK else None
        return due_at if due_at and due_at - self._now() <= SOON else None

    async def _reset(self, agents: Agents, machine: Machine) -> bool:
        """Have a server that owes a reset, and answers, reset itself."""
        token, store = new_id(), self._site.store
        owing = await store.write(lambda tx: _promised(tx, machine.id, token, self._now()))
        if owing is None:
            return False
        told = await store.read(lambda tx: tx.settings.get(ADDRESS))
        order = reset_order(owing, str(token), told or self._site.url)
        try:
            await agents.call(line_of(owing), order)
        except DriverError as error:
            why = error.text
            await store.write(lambda tx: _put_off(tx, owing, why, self._now()))
            return False
        await store.write(lambda tx: _obeyed(tx, owing, self._now()))
        return True

    def _now(self) -> datetime:
        return self._site.clock.now()


def _owing(tx: Transaction) -> list[Machine]:
    found = tx.machines.find(_HERE)
    return [each for each in found if each.owes_reset and each.detail is Detail.RESETTING]


def _promised(tx: Transaction, id: UUID, token: UUID, now: datetime) -> Machine | None:
    """Return a server that owes a reset, with a token by which it comes back."""
    there = tx.machines.get(id)
    if there is None or not there.owes_reset:
        return None
    owing = replace(there, token_id=token)
    tx.machine_tokens.put(reset_token(token, there.name, now))
    tx.machines.put(owing)
    return owing


def _put_off(tx: Transaction, owing: Machine, why: str, now: datetime) -> None:
    """Have a server tried again when it answers the next time."""
    there = tx.machines.get(owing.id)
    if there is not None and owing.token_id and there.token_id == owing.token_id:
        tx.machine_tokens.drop(owing.token_id)
        tx.machines.put(silent(there, why, now))


def _obeyed(tx: Transaction, owing: Machine, now: datetime) -> None:
    there = tx.machines.get(owing.id)
    if there is not None and there.owes_reset:  # else it is here again already
        tx.machines.put(reset(there, now))

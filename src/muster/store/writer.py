"""The one thread that writes to SQLite, and commits what queues up together."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from muster.base.clock import Clock
from muster.base.errors import Unavailable
from muster.ports.fleeting import Fleeting
from muster.store.bare import dbapi
from muster.store.transaction import SqlTransaction

T = TypeVar("T")
Answer = tuple[Any, frozenset[str]]  # a work's result, and the topics to wake for it

_GROUP = 512  # works in one commit at most


class _Trial:
    """A block whose error is kept for whoever asked, instead of ending the thread."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        self.error = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        self.error = error
        return True


@dataclass(eq=False)
class _Job:
    work: Callable[[SqlTransaction], Any]
    future: asyncio.Future[Answer]
    reads: bool = False
    answer: Answer = (None, frozenset())
    trial: _Trial = field(default_factory=_Trial)

    @property
    def lasts(self) -> bool:
        """Whether nobody may be told of it before it is on disk."""
        return not (self.reads or isinstance(self.work, Fleeting))

    def settle(self) -> None:
        """Tell the caller, unless he has gone away."""
        if self.future.done():
            return
        if self.trial.error is None:
            self.future.set_result(self.answer)
        else:
            self.future.set_exception(self.trial.error)


# Note [Group commit]
# Making a commit safe takes a sync of the disk, however much is in it. The works that
# queue up during one commit are therefore run in the next one together, each inside a
# savepoint: one that fails is undone alone. Nobody is told of success before the
# commit. Where the whole transaction is lost (disk full, commit refused), every work
# of the group is run again by itself, so that only the one at fault fails. A group in which
# nothing is to last is not synced: see Note [Fleeting].
class Writer:
    """Runs works in the order they come. See Note [Group commit]."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._waits = True  # as connections are opened

    async def start(self, prepare: Callable[[Connection], object]) -> None:
        """Open the database and prepare it, in the thread that will own it."""
        opening = self._job(lambda _: None)
        args = (opening, prepare)
        self._thread = threading.Thread(
            target=self._serve, args=args, name="muster-writer", daemon=True
        )
        self._thread.start()
        await opening.future

    async def run(self, work: Callable[[SqlTransaction], Any], *, reads: bool = False) -> Answer:
        if self._closed:
            raise Unavailable("the store is closed")
        job = self._job(work)
        job.reads = reads
        self._queue.put(job)
        return await job.future

    async def stop(self) -> None:
        """End the thread once everything that was asked for is done."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    def _job(self, work: Callable[[SqlTransaction], Any]) -> _Job:
        return _Job(work=work, future=asyncio.get_running_loop().create_future())

    def _serve(self, opening: _Job, prepare: Callable[[Connection], object]) -> None:
        with opening.trial:
            self._conn = self._engine.connect()
            prepare(self._conn)
        _tell([opening])
        if opening.trial.error is None:
            while group := self._next_group():
                self._commit(group)
                _tell(group)
            self._conn.close()

    def _next_group(self) -> list[_Job]:
        """Return what waits, once something does; nothing when it is time to stop."""
        group: list[_Job] = []
        job = self._queue.get()
        while job is not None and len(group) < _GROUP:
            group.append(job)
            try:
                job = self._queue.get_nowait()
            except Empty:
                return group
        if group:
            self._queue.put(job)
        return group

    def _commit(self, group: Sequence[_Job]) -> None:
        self._sync(any(job.lasts for job in group))
        whole = _Trial()
        with whole, self._conn.begin():
            for job in group:
                self._attempt(job)
        if whole.error is None:
            return
        with _Trial():
            self._undo()
        if len(group) == 1:
            group[0].trial.error = whole.error
        else:
            for job in group:
                self._commit([job])

    def _sync(self, waits: bool) -> None:
        """Have the next commits wait for the disk, or not."""
        if waits is not self._waits:
            level = "FULL" if waits else "NORMAL"
            dbapi(self._conn).execute(f"PRAGMA synchronous = {level}")
            self._waits = waits

    def _attempt(self, job: _Job) -> None:
        raw = dbapi(self._conn)
        raw.execute("SAVEPOINT work")
        with job.trial:
            job.answer = self._worked(job)
        if job.trial.error is not None:
            if not raw.in_transaction:
                raise job.trial.error  # SQLite has undone everything, the works before too
            raw.execute("ROLLBACK TO work")
        raw.execute("RELEASE work")

    def _worked(self, job: _Job) -> Answer:
        tx = SqlTransaction(self._conn, self._clock)
        if not job.reads:
            return job.work(tx), tx.finish()
        dbapi(self._conn).execute("PRAGMA query_only = ON")
        try:
            return job.work(tx), frozenset()
        finally:
            dbapi(self._conn).execute("PRAGMA query_only = OFF")

    def _undo(self) -> None:
        if dbapi(self._conn).in_transaction:
            dbapi(self._conn).execute("ROLLBACK")


def _tell(jobs: Sequence[_Job]) -> None:
    for loop in {job.future.get_loop() for job in jobs}:
        mine = [job for job in jobs if job.future.get_loop() is loop]
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, mine)


def _settle(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        job.settle()

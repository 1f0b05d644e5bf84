"""The key of secrets is changed while others write, read, and change it as well."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import TypeVar
from uuid import UUID

import pytest

from muster.model.desired import Desired
from muster.ports.store import Query, Store, Transaction
from muster.store.connect import connect
from muster.store.sealing import kept
from muster.store.signals import LocalSignal

ONE, TWO = UUID(int=1), UUID(int=2)
LONG_S = 120.0  # a busy machine takes its time; nothing waits so long that goes well
T = TypeVar("T")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "secrets.key"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


@pytest.fixture(params=["sqlite-file", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/muster.db"


def desired(id: UUID) -> Desired:
    return Desired(id=id, config={"key": str(id)})


class Process:
    """A process of its own, as far as the database is concerned."""

    def __init__(self, url: str, keys: Path) -> None:
        self._url, self._keys = url, keys

    def write(self, work: Callable[[Transaction], T]) -> T:
        return asyncio.run(self._with(lambda store: store.write(work)))

    def read(self, work: Callable[[Transaction], T]) -> T:
        return asyncio.run(self._with(lambda store: store.read(work)))

    def change_key(self) -> tuple[int, int]:
        return asyncio.run(self._with(lambda store: store.change_key(forget=True)))

    async def _with(self, act: Callable[[Store], object]) -> T:
        store = await connect(self._url, LocalSignal(), seal=kept(self._keys))
        try:
            return await act(store)  # type: ignore[misc,no-any-return]
        finally:
            await store.close()


def all_known(process: Process) -> set[UUID]:
    found = process.read(lambda tx: tx.desired.find(Query()))
    assert all(each.config == {"key": str(each.id)} for each in found)
    return {each.id for each in found}


def begun(future: "Future[object]", happened: Event) -> None:
    """Wait until it is as far, or has failed before."""
    while not happened.wait(0.02):
        if future.done():
            future.result()


@pytest.mark.postgresql
def test_what_is_written_beside_it_is_sealed_by_a_key_that_stays(
    postgres_url: str, keys: Path, threads: ThreadPoolExecutor
):
    process, sealed, go_on = Process(postgres_url, keys), Event(), Event()
    process.write(lambda tx: tx.desired.put(desired(ONE)))

    def slow(tx: Transaction) -> None:
        tx.desired.put(desired(TWO))
        sealed.set()
        assert go_on.wait(LONG_S)

    writing = threads.submit(process.write, slow)
    begun(writing, sealed)
    changing = threads.submit(process.change_key)
    wait([changing], timeout=1.0)  # it waits for the writer; if not, it is over long before
    go_on.set()
    writing.result(LONG_S)
    assert changing.result(LONG_S) == (2, 1)
    assert all_known(process) == {ONE, TWO}


def test_two_who_change_it_at_once_do_so_one_after_the_other(
    url: str, keys: Path, threads: ThreadPoolExecutor
):
    process = Process(url, keys)
    process.write(lambda tx: tx.desired.put(desired(ONE), desired(TWO)))
    changing = [threads.submit(process.change_key) for _ in range(4)]
    assert {each.result(LONG_S) for each in changing} == {(2, 1)}
    assert all_known(process) == {ONE, TWO}
    assert len(keys.read_text().splitlines()) == 1


def test_who_began_to_read_before_a_key_was_forgotten_reads_once_more(
    url: str, keys: Path, threads: ThreadPoolExecutor
):
    process, looking, go_on = Process(url, keys), Event(), Event()
    process.write(lambda tx: tx.desired.put(desired(ONE)))

    def slow(tx: Transaction) -> Desired | None:
        tx.clusters.count(Query())
        looking.set()
        assert go_on.wait(LONG_S)
        return tx.desired.get(ONE)

    reading = threads.submit(process.read, slow)
    begun(reading, looking)
    assert process.change_key() == (1, 1)
    go_on.set()
    assert reading.result(LONG_S) == desired(ONE)


def test_what_is_taken_away_while_it_is_changed_holds_nobody_up(
    url: str, keys: Path, threads: ThreadPoolExecutor
):
    process = Process(url, keys)
    process.write(lambda tx: tx.desired.put(desired(ONE), desired(TWO)))

    def turn(tx: Transaction) -> None:
        tx.desired.drop(TWO)
        tx.desired.put(desired(ONE))

    writing = [threads.submit(process.write, turn) for _ in range(6)]
    changing = [threads.submit(process.change_key) for _ in range(2)]
    for each in (*writing, *changing):
        each.result(LONG_S)
    assert all_known(process) == {ONE}

"""Clouds that were taken on: rows, which every process opens and closes for itself."""

import asyncio
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

import traffic
from drivers.pem.made import CERTIFICATE, KEY, NEXT, NEXT_KEY
from memory import in_memory
from muster.base.clock import ManualClock
from muster.base.errors import Conflict
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.admission import Admitted, CloudAsk, cloud_id
from muster.ports.store import Query, Store
from muster.settings import Settings
from muster.store.signals import LocalSignal
from muster.wiring.clouds import SHOWN, Clouds

LAB = CloudAsk(name="lab", kind="simulated")


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    made = await in_memory(LocalSignal())
    yield made
    await made.close()


@asynccontextmanager
async def process(store: Store, home: Path) -> AsyncIterator[Clouds]:
    """Yield the clouds of a process with a home of its own."""
    made = Clouds(
        settings=Settings(home=home, default_cloud="simulated"),
        installation=UUID(int=7),
        clock=ManualClock(),
        store=store,
        signal=LocalSignal(),
    )
    await made.open_all()
    yield made
    await made.close()


async def keep(store: Store, row: Admitted) -> None:
    await store.write(lambda tx: tx.clouds.put(row))


async def strike(store: Store, name: str) -> None:
    await store.write(lambda tx: tx.clouds.drop(cloud_id(name)))


def names(clouds: Clouds) -> set[str]:
    return set(clouds.open) - {"local", "simulated"}


async def test_a_row_is_a_cloud_in_every_process_until_it_is_struck(
    store: Store, tmp_path: Path
) -> None:
    async with process(store, tmp_path / "a") as one, process(store, tmp_path / "b") as two:
        met = await one.introduce(LAB)
        assert names(one) == set()
        await keep(store, met)
        for each in (one, two, one):
            await each.refresh()
            assert names(each) == set(each.admitted()) == {"lab"}
        async with process(store, tmp_path / "c") as later:
            assert names(later) == {"lab"}
        await strike(store, "lab")
        for each in (one, two):
            await each.refresh()
            assert names(each) == set(each.admitted()) == set()


async def test_one_that_was_let_go_and_taken_on_again_is_another(
    store: Store, tmp_path: Path
) -> None:
    async with process(store, tmp_path / "a") as one, process(store, tmp_path / "b") as two:
        await keep(store, await one.introduce(LAB))
        await one.refresh()
        await two.refresh()
        before = two.open["lab"]
        await strike(store, "lab")
        await one.refresh()
        one.clock.advance(1)
        await keep(store, await one.introduce(LAB))
        await two.refresh()
        assert two.open["lab"] is not before


async def test_two_at_once_are_not_one_cloud(store: Store, tmp_path: Path) -> None:
    async with process(store, tmp_path) as one:
        met = await one.introduce(LAB)
        with pytest.raises(Conflict, match="just being taken on"):
            await one.introduce(LAB)
        await one.part(met)
        await one.part(await one.introduce(LAB))
        assert await store.read(lambda tx: tx.clouds.find(Query())) == []


async def test_papers_are_in_every_home_where_nobody_else_may_read_them(
    store: Store, tmp_path: Path
) -> None:
    papers = {"certificate": CERTIFICATE, "key": KEY, "server_certificate": CERTIFICATE}
    options = {"kind": "incus", "url": "https://127.0.0.1:1", "balancer": "caddy"}
    row = Admitted(
        id=cloud_id("far"),
        name="far",
        created_at=ManualClock().now(),
        options=options,
        papers=papers,
    )
    await keep(store, row)
    for home in (tmp_path / "a", tmp_path / "b"):
        async with process(store, home) as one:
            assert names(one) == {"far"}
            folder = home / "clouds" / "far" / "papers"
            assert (folder / "key.pem").read_text() == KEY
            assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    await strike(store, "far")
    async with process(store, tmp_path / "a") as one:
        assert names(one) == set()
    assert not (tmp_path / "a" / "clouds" / "far" / "papers").exists()


async def test_a_cluster_of_servers_goes_on_when_its_hosts_or_their_certificate_change(
    store: Store, tmp_path: Path
) -> None:
    papers = {"certificate": CERTIFICATE, "key": KEY, "server_certificate": CERTIFICATE}
    row = Admitted(
        id=cloud_id("c1"),
        name="c1",
        created_at=ManualClock().now(),
        options={"kind": "incus", "url": "https://127.0.0.1:1"},
        papers=papers,
        servers=UUID(int=3),
    )
    await keep(store, row)
    async with process(store, tmp_path) as one:
        before = one.open["c1"]
        options = {**row.options, "members": ["https://127.0.0.1:2"]}
        await keep(store, replace(row, options=options, papers={**papers, SHOWN: NEXT}))
        await one.refresh()
        assert one.open["c1"].compute is before.compute
        assert one.admitted()["c1"].options == options
        assert (tmp_path / "clouds" / "c1" / "papers" / f"{SHOWN}.pem").read_text() == NEXT
        await keep(store, replace(row, papers={**papers, "key": NEXT_KEY, "certificate": NEXT}))
        await one.refresh()
        assert one.open["c1"].compute is not before.compute  # we are somebody else there


async def test_its_zones_are_those_of_the_hosts_that_it_has_now(
    store: Store, tmp_path: Path
) -> None:
    row = Admitted(
        id=cloud_id("c1"),
        name="c1",
        created_at=ManualClock().now(),
        options={"kind": "simulated", "zones": ["a"]},
        servers=UUID(int=3),
    )
    async with process(store, tmp_path) as one:
        engine = Engine(store, {}, one.clock, one.signal, EnginePace(owner="tests"))
        one.engine = engine
        await keep(store, row)
        await one.refresh()
        await keep(store, replace(row, options={**row.options, "zones": ["a", "b"]}))
        await one.refresh()
        known = (one.open["c1"], engine.site.clouds["c1"].cloud)
        assert [each.about.zones for each in known] == [("a", "b")] * 2
        await engine.dismiss("c1")


async def test_who_a_cluster_of_servers_knows_us_as_is_not_forgotten_with_its_cloud(
    store: Store, tmp_path: Path
) -> None:
    missing = {"certificate": "nothing that could be read"}
    row = Admitted(
        id=cloud_id("c1"),
        name="c1",
        created_at=ManualClock().now(),
        options={"kind": "incus", "url": "https://127.0.0.1:1"},
        papers=missing,
        servers=UUID(int=3),
    )
    async with process(store, tmp_path) as one:
        await one.part(row)  # asks nobody to trust us no more


async def test_one_that_cannot_be_opened_hinders_no_other(store: Store, tmp_path: Path) -> None:
    now = ManualClock().now()
    for name, kind in (("bad", "balloon"), ("good", "simulated")):
        options = {"kind": kind}
        row = Admitted(id=cloud_id(name), name=name, created_at=now, options=options)
        await keep(store, row)
    async with process(store, tmp_path) as one:
        assert names(one) == {"good"}


async def test_a_home_that_cannot_be_written_for_a_while_ends_no_following(
    store: Store, tmp_path: Path
) -> None:
    papers = {"certificate": CERTIFICATE, "key": KEY, SHOWN: CERTIFICATE}
    row = Admitted(
        id=cloud_id("c1"),
        name="c1",
        created_at=ManualClock().now(),
        options={"kind": "incus", "url": "https://127.0.0.1:1"},
        papers=papers,
        servers=UUID(int=3),
    )
    await keep(store, row)
    async with process(store, tmp_path) as one:
        one.signal = FastSignal()
        folder, aside = tmp_path / "clouds" / "c1" / "papers", tmp_path / "aside"
        folder.rename(aside)
        folder.touch()  # what is no folder takes no file
        await keep(store, replace(row, papers={**papers, SHOWN: NEXT}))
        following = asyncio.create_task(one.follow())
        met = await one.introduce(LAB)
        await keep(store, met)
        await until(lambda: names(one) == {"c1", "lab"})  # the others are not held up
        assert one.admitted()["c1"].papers[SHOWN] == CERTIFICATE
        folder.unlink()
        aside.rename(folder)
        await until(lambda: one.admitted()["c1"].papers[SHOWN] == NEXT)
        assert (folder / f"{SHOWN}.pem").read_text() == NEXT
        following.cancel()


class FastSignal(LocalSignal):
    """News of everything, always."""

    async def wait(self, topic: str, timeout_s: float) -> bool:
        return True


async def until(so: Callable[[], bool]) -> None:
    async def claim() -> bool:
        return so()

    await traffic.until(claim)

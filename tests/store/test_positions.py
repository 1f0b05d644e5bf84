"""A page begins where the one before it ended, also if another server or a later one answers."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from builders import a_cluster
from muster.base.clock import ManualClock
from muster.base.ids import new_id
from muster.ports.store import Query
from muster.store.connect import connect
from muster.store.positions import KEPT_FOR, TRIM_EVERY
from muster.store.signals import LocalSignal

NAMES = ("a", "b", "c", "d", "e")
KINDS = [
    "sqlite-file",
    pytest.param("postgresql", marks=pytest.mark.postgresql),
]


@asynccontextmanager
async def opened(url: str, clock: ManualClock | None = None) -> AsyncIterator[object]:
    store = await connect(url, LocalSignal(), clock)
    try:
        yield store
    finally:
        await store.close()


def page(reader: str = "ann", **more) -> Query:
    return Query(sort=(("name", False),), limit=2, paged=True, reader=reader, **more)


async def names(store, query: Query) -> Sequence[str]:
    found = await store.read(lambda tx: tx.clusters.find(query))
    return [each.name for each in found]


async def filled(store):
    clusters = [a_cluster(id=new_id(), name=name) for name in NAMES]
    await store.write(lambda tx: tx.clusters.put(*clusters))
    return clusters


def gone(tx, cluster) -> None:
    tx.clusters.drop(cluster.id)


def renamed(tx, cluster) -> None:
    tx.clusters.put(replace(cluster, name="z"))


@pytest.mark.parametrize("meddle", [gone, renamed])
@pytest.mark.parametrize("store_url", KINDS, indirect=True)
async def test_a_page_goes_on_on_a_server_begun_anew(store_url, meddle):
    async with opened(store_url) as store:
        clusters = await filled(store)
        assert await names(store, page()) == ["a", "b"]
    async with opened(store_url) as store:
        await store.write(lambda tx: meddle(tx, clusters[1]))
        assert await names(store, page(marker=clusters[1].id)) == ["c", "d"]


@pytest.mark.postgresql
@pytest.mark.parametrize("meddle", [gone, renamed])
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_a_page_goes_on_on_another_server(store_url, meddle):
    async with AsyncExitStack() as both:
        one = await both.enter_async_context(opened(store_url))
        other = await both.enter_async_context(opened(store_url))
        clusters = await filled(one)
        assert await names(one, page()) == ["a", "b"]
        await other.write(lambda tx: meddle(tx, clusters[1]))
        assert await names(other, page(marker=clusters[1].id)) == ["c", "d"]
        await one.write(lambda tx: meddle(tx, clusters[3]))
        rest = ["e", "z", "z"] if meddle is renamed else ["e"]
        assert await names(one, page(marker=clusters[3].id)) == rest[:2]


@pytest.mark.postgresql
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_what_another_server_showed_last_counts(store_url):
    async with AsyncExitStack() as both:
        one = await both.enter_async_context(opened(store_url))
        other = await both.enter_async_context(opened(store_url))
        clusters = await filled(one)
        await names(one, page())
        await one.write(lambda tx: tx.clusters.put(replace(clusters[1], name="d1")))
        assert await names(other, page(marker=clusters[2].id)) == ["d", "d1"]
        assert await names(one, page(marker=clusters[1].id)) == ["e"]


@pytest.mark.parametrize("store_url", ["sqlite-memory", *KINDS], indirect=True)
async def test_each_reader_goes_on_where_he_was(store_url):
    async with opened(store_url) as store:
        clusters = await filled(store)
        await names(store, page("ann"))
        await store.write(lambda tx: tx.clusters.put(replace(clusters[1], name="d1")))
        assert await names(store, page("bob", marker=clusters[2].id)) == ["d", "d1"]
        assert await names(store, page("ann", marker=clusters[1].id)) == ["c", "d"]
        assert await names(store, page("bob", marker=clusters[1].id)) == ["e"]


@pytest.mark.parametrize("store_url", KINDS, indirect=True)
async def test_a_page_that_nobody_turns_for_long_is_forgotten(store_url):
    clock = ManualClock()
    async with opened(store_url, clock) as store:
        clusters = await filled(store)
        await names(store, page("ann"))
    clock.advance(KEPT_FOR.total_seconds())
    async with opened(store_url, clock) as store:
        clock.advance(TRIM_EVERY.total_seconds() + 1)
        await names(store, page("bob"))
        await store.write(lambda tx: tx.clusters.put(replace(clusters[1], name="d1")))
    async with opened(store_url, clock) as store:
        assert await names(store, page("bob", marker=clusters[1].id)) == ["c", "d"]
        assert await names(store, page("ann", marker=clusters[1].id)) == ["e"]

"""Clouds of clusters of servers, which several engines over one database look after."""

import asyncio
from dataclasses import replace

import pytest

from builders import NOW
from drivers.pem.made import CERTIFICATE, KEY
from machines import a_clusterable_machine, a_server_cluster
from muster.base.clock import ManualClock
from muster.decide.server_clusters.seed import Ground, merged
from muster.engine.pace import EnginePace
from muster.engine.server_jobs.clouds import Followed
from muster.engine.worker import Engine
from muster.model.admission import Admitted, cloud_id
from muster.model.server_cluster import ServerClusterStatus
from muster.ports.agent import OUR_CERTIFICATE, OUR_KEY
from muster.ports.store import Query, Store
from muster.store.signals import LocalSignal


def formed(**but):
    seed = merged({}, Ground(), a_server_cluster().id, CERTIFICATE)
    plain = {"seed": seed, "status": ServerClusterStatus.READY, "certificate": CERTIFICATE}
    return a_server_cluster(**(plain | but))


async def prepare(store: Store) -> None:
    def put(tx):
        tx.settings.put(OUR_CERTIFICATE, CERTIFICATE)
        tx.settings.put(OUR_KEY, KEY)
        tx.machines.put(*(a_clusterable_machine(n, cluster="c1") for n in (1, 2)))
        tx.server_clusters.put(formed())

    await store.write(put)


def a_follower(store: Store, owner: str) -> Followed:
    engine = Engine(store, {}, ManualClock(NOW), LocalSignal(), EnginePace(owner=owner))
    return Followed(engine.site)


async def all_of(store: Store) -> tuple[list[Admitted], list[str]]:
    def work(tx):
        kinds = [each.kind for each in tx.events.find(Query(sort=(("seq", False),)))]
        return tx.clouds.find(Query()), kinds

    return await store.read(work)


async def test_whoever_looks_first_makes_it_and_nobody_twice(any_store):
    await prepare(any_store)
    engines = [a_follower(any_store, f"e{n}") for n in range(3)]
    known = await any_store.read(lambda tx: tx.server_clusters.find(Query()))
    await asyncio.gather(*(each.follow(known) for each in engines))
    [row], kinds = await all_of(any_store)
    assert (row.name, row.servers, kinds) == ("c1", formed().id, ["cloud.added"])
    more = a_clusterable_machine(3, cluster="c1")
    grown = formed(generation=1)

    def grow(tx):
        tx.machines.put(more)
        tx.server_clusters.put(grown)

    await any_store.write(grow)
    await asyncio.gather(*(each.follow([grown]) for each in engines))
    [row], kinds = await all_of(any_store)
    assert (len(row.options["members"]), kinds) == (2, ["cloud.added", "cloud.changed"])
    await asyncio.gather(*(each.follow([grown]) for each in engines))
    assert len((await all_of(any_store))[1]) == 2


async def test_somebody_elses_cloud_of_that_name_stays_his(any_store):
    await prepare(any_store)
    his = Admitted(id=cloud_id("c1"), name="c1", created_at=NOW, options={"kind": "simulated"})
    await any_store.write(lambda tx: tx.clouds.put(his))
    await a_follower(any_store, "e1").follow([formed()])
    assert await all_of(any_store) == ([his], [])


@pytest.mark.parametrize("but", [{"cloud": False}, {"status": ServerClusterStatus.PENDING}])
async def test_one_that_is_no_cloud_is_left_alone(any_store, but):
    await prepare(any_store)
    await any_store.write(lambda tx: tx.server_clusters.put(replace(formed(), **but)))
    await a_follower(any_store, "e1").follow([formed()])
    assert await all_of(any_store) == ([], [])

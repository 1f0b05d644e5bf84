"""What is acknowledged stays, what is not leaves nothing half, and the store lives on."""

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

import postgres
from builders import WEB, a_cluster, a_node
from muster.base.errors import Unavailable
from muster.ports.store import Query
from muster.store.connect import connect
from muster.store.signals import LocalSignal
from muster.store.writer import Writer

HERE = Path(__file__).parent
NODES = 3


def start(what, url, number):
    path = os.pathsep.join(str(HERE.parents[1] / each) for each in ("src", "tests"))
    return subprocess.Popen(
        [sys.executable, HERE / "writes.py", what, url, str(number)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        text=True,
    )


async def found_whole(url):
    """Return the numbers of the clusters that are there, none of which is there in part."""
    store = await connect(url, LocalSignal())
    try:
        clusters = await store.read(lambda tx: tx.clusters.find(Query()))
        for cluster in clusters:
            mine = Query(where={"cluster_id": (cluster.id,)})
            assert cluster.reason == "written"
            assert await store.read(lambda tx, q=mine: tx.nodes.count(q)) == NODES
            assert await store.read(lambda tx, q=mine: tx.events.count(q)) == 1
        many = len(clusters)
        assert await store.read(lambda tx: tx.nodes.count(Query())) == many * NODES
        assert await store.read(lambda tx: tx.events.count(Query())) == many
        assert (await store.read(lambda tx: tx.marks.lag(clusters[0].init_at)))[0] == many
        return {cluster.id.int for cluster in clusters}
    finally:
        await store.close()


@pytest.mark.system
@pytest.mark.parametrize("seed", range(4))
async def test_a_writer_killed_at_any_moment_has_kept_its_word(tmp_path, seed):
    url = f"sqlite:///{tmp_path}/muster.db"
    process = start("for-ever", url, 8)
    acknowledged = [
        int(process.stdout.readline()) for _ in range(random.Random(seed).randint(1, 400))
    ]
    process.kill()
    acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
    process.wait()
    found = await found_whole(url)
    assert set(acknowledged) <= found
    assert len(found) <= len(acknowledged) + 8  # at most what was under way


@pytest.mark.system
async def test_a_full_disk_is_said_and_the_writer_lives_on(tmp_path):
    url = f"sqlite:///{tmp_path}/muster.db"
    process = start("until-full", url, 1_000_000)
    lines, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    *written, full, last = lines.splitlines()
    assert full.startswith("full: the database's disk")
    assert await found_whole(url) == {int(line) for line in [*written, last]}


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite:///{}/muster.db"])
async def test_of_a_group_only_the_work_that_does_not_fit_fails(url, tmp_path):
    store = await connect(url.format(tmp_path), LocalSignal())

    def limit(tx):
        raw = tx.nodes._conn.exec_driver_sql
        pages = raw("PRAGMA page_count").scalar()
        raw(f"PRAGMA max_page_count = {pages + 30}")

    await store.write(limit)
    small = [store.write(lambda tx, i=i: tx.nodes.put(a_node(i))) for i in range(1, 6)]
    big = store.write(lambda tx: tx.clusters.put(a_cluster(metadata={"x": "x" * 1_000_000})))
    more = [store.write(lambda tx, i=i: tx.nodes.put(a_node(i))) for i in range(6, 11)]
    results = await asyncio.gather(*small, big, *more, return_exceptions=True)
    assert isinstance(results[5], Unavailable)
    assert results[:5] + results[6:] == [None] * 10
    assert await store.read(lambda tx: tx.nodes.count(Query())) == 10
    assert await store.read(lambda tx: tx.clusters.get(WEB)) is None
    await store.close()


async def test_an_error_outside_of_every_work_reaches_the_caller_and_the_thread_lives_on(
    store_file,
):
    """Whatever goes wrong in the writer itself, nobody waits for ever."""

    def rollback(tx):
        tx.nodes._conn.exec_driver_sql("ROLLBACK")

    for _ in range(2):
        with pytest.raises(Exception, match=r"no such savepoint|no transaction"):
            await asyncio.wait_for(store_file.write(rollback), 10)
    await store_file.write(lambda tx: tx.nodes.put(a_node(1)))


@pytest.fixture
async def store_file(tmp_path):
    store = await connect(f"sqlite:///{tmp_path}/muster.db", LocalSignal())
    yield store
    await store.close()


async def test_a_caller_who_gives_up_does_not_stop_the_others(store_file):
    async with asyncio.TaskGroup() as group:
        writes = [
            group.create_task(store_file.write(lambda tx, i=i: tx.nodes.put(a_node(i))))
            for i in range(20)
        ]
        await asyncio.sleep(0)
        for each in writes[::2]:
            each.cancel()
    assert await store_file.read(lambda tx: tx.nodes.count(Query())) >= 10


async def test_a_closed_store_refuses_and_what_was_asked_before_is_done(tmp_path):
    url = f"sqlite:///{tmp_path}/muster.db"
    store = await connect(url, LocalSignal())
    asked = asyncio.create_task(store.write(lambda tx: tx.nodes.put(a_node(1))))
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    await asked
    with pytest.raises(Unavailable):
        await store.write(lambda tx: None)
    with pytest.raises(Unavailable):
        await store.read(lambda tx: None)
    again = await connect(url, LocalSignal())
    assert await again.read(lambda tx: tx.nodes.count(Query())) == 1
    await again.close()


async def test_works_that_queue_up_share_a_commit(store_file, tmp_path):
    """A hundred writes at once are far fewer commits than a hundred."""
    commits = []
    writer: Writer = store_file._writer
    writer._conn.connection.dbapi_connection.set_trace_callback(
        lambda said: commits.append(said) if said == "COMMIT" else None
    )
    writes = (store_file.write(lambda tx, i=i: tx.nodes.put(a_node(i))) for i in range(100))
    await asyncio.gather(*writes)
    assert 1 <= len(commits) < 20


@pytest.mark.postgresql
async def test_a_server_that_is_gone_is_unavailable_and_back_when_it_is_back():
    with postgres.running() as server:
        store = await connect(server.new_database("gone"), LocalSignal())
        await store.write(lambda tx: tx.nodes.put(a_node(1)))
        count = Query()
        several = [lambda tx: tx.nodes.count(count) for _ in range(5)]
        await asyncio.gather(*map(store.read, several))
        kick = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        await store.write(lambda tx: tx.nodes._conn.exec_driver_sql(kick).all())
        assert await asyncio.gather(*map(store.read, several)) == [1] * 5
        await store.write(lambda tx: tx.nodes.put(a_node(2)))
    with pytest.raises(Unavailable):
        await store.write(lambda tx: tx.nodes.put(a_node(3)))
    with pytest.raises(Unavailable):
        await store.read(lambda tx: tx.nodes.get(UUID(int=1)))
    await store.close()


@pytest.mark.postgresql
async def test_no_server_no_database_and_no_access_are_each_said(postgres_server):
    with pytest.raises(Unavailable, match="does not answer"):
        await connect("postgresql://muster@127.0.0.1:1/muster", LocalSignal())
    with pytest.raises(Unavailable, match="no such database"):
        await connect(postgres_server.url("nowhere"), LocalSignal())
    with pytest.raises(Unavailable, match="user"):
        await connect(postgres_server.url("postgres").replace("muster@", "nobody@"), LocalSignal())


async def test_a_path_that_cannot_be_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "muster.db", tmp_path):
        with pytest.raises(Unavailable, match=str(tmp_path)):
            await connect(f"sqlite:///{path}", LocalSignal())

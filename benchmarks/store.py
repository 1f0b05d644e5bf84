"""What a row costs to put, read and find, and how many small writes are made safe in a second.

    python benchmarks/store.py [--rows 10000] [--postgresql URL | --own-postgresql]

Microseconds per row: wall clock / processor time of this process. Best of five.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from uuid import UUID

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

import builders  # noqa: E402
import postgres  # noqa: E402
from muster.base.ids import new_id  # noqa: E402
from muster.model.event import About, Event  # noqa: E402
from muster.ports.store import Query, Store, Transaction  # noqa: E402
from muster.store.connect import connect  # noqa: E402
from muster.store.signals import LocalSignal  # noqa: E402

ROUNDS = 5
WRITERS = 16


async def best(name: str, rows: int, work: Callable[[], Awaitable[object]]) -> None:
    """Run the work some times and print the best wall clock and processor time per row."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        await work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    wall_us, cpu_us = min(walls) / rows * 1e6, min(cpus) / rows * 1e6
    print(f"  {name:<34} {wall_us:9.1f} / {cpu_us:6.1f} us   {min(walls) * 1e3:9.1f} ms in all")


def an_event(node: UUID) -> Event:
    return Event(
        id=new_id(),
        at=builders.NOW,
        kind="node.ready",
        otype=About.NODE,
        oid=node,
        oname="web-001",
        cluster_id=builders.WEB,
        project="demo",
        reason="its server runs and its application answers",
    )


async def measure_rows(store: Store, many: int) -> None:
    nodes = [builders.a_node(i) for i in range(many)]
    changed = [replace(node, open_requests=1, updated_at=builders.NOW) for node in nodes]
    mine = Query(where={"cluster_id": (builders.WEB,)}, sort=(("index", False),))
    actions = [builders.a_wish(id=new_id(), target=node.id) for node in nodes]

    def fresh(tx: Transaction) -> None:
        tx.nodes.drop(*(node.id for node in nodes))
        tx.nodes.put(*nodes)

    await best("drop and put nodes", many, lambda: store.write(fresh))
    await best("put changed nodes", many, lambda: store.write(lambda tx: tx.nodes.put(*changed)))
    await best("put actions", many, lambda: store.write(lambda tx: tx.actions.put(*actions)))
    await best(
        "append events",
        many,
        lambda: store.write(lambda tx: tx.events.append(*(an_event(n.id) for n in nodes))),
    )
    await best("find nodes of a cluster", many, lambda: store.read(lambda tx: tx.nodes.find(mine)))
    await best("count them", 1, lambda: store.read(lambda tx: tx.nodes.count(mine)))
    page = replace(mine, limit=100, marker=nodes[many // 2].id)
    await best("find a page of 100", 100, lambda: store.read(lambda tx: tx.nodes.find(page)))


async def measure_works(store: Store) -> None:
    async def writers(many: int, each: int) -> None:
        async def one(writer: int) -> None:
            for turn in range(each):
                node = builders.a_node(writer * each + turn)
                await store.write(lambda tx, node=node: tx.nodes.put(node))

        await asyncio.gather(*(one(writer) for writer in range(many)))

    async def wishes() -> None:
        def wish(tx: Transaction, number: int) -> None:
            cluster = builders.a_cluster(id=UUID(int=number), name=f"c{number}")
            tx.clusters.get(cluster.id)
            tx.clusters.put(cluster)
            tx.actions.put(builders.a_wish(id=UUID(int=number)))
            tx.events.append(an_event(cluster.id))
            tx.marks.mark(cluster.id)

        numbers = range(1, 201)
        await asyncio.gather(*(store.write(lambda tx, i=i: wish(tx, i)) for i in numbers))

    node = builders.a_node(1)
    await best("one write after another", 100, lambda: writers(1, 100))
    await best(f"writes by {WRITERS} at once", WRITERS * 50, lambda: writers(WRITERS, 50))
    await best("wishes, 200 at once", 200, wishes)

    async def reads() -> None:
        for _ in range(200):
            await store.read(lambda tx: tx.nodes.get(node.id))

    await best("one read after another", 200, reads)


async def measure(name: str, url: str, rows: int) -> None:
    print(f"{name}, {rows} rows")
    store = await connect(url, LocalSignal())
    await measure_rows(store, rows)
    await measure_works(store)
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--postgresql", default="", help="URL of an empty database")
    parser.add_argument("--own-postgresql", action="store_true", help="start one for this")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        asyncio.run(measure("SQLite in memory", "sqlite:///:memory:", given.rows))
        asyncio.run(measure("SQLite in a file", f"sqlite:///{folder}/muster.db", given.rows))
        if given.own_postgresql:
            given.postgresql = stack.enter_context(postgres.running()).new_database("bench")
        if given.postgresql:
            asyncio.run(measure("PostgreSQL", given.postgresql, given.rows))


if __name__ == "__main__":
    main()

"""A process that writes without end, and says aloud what was acknowledged. Run as a script."""

import asyncio
import resource
import sys
from dataclasses import replace
from itertools import count
from uuid import UUID

from builders import NOW, a_cluster, a_node
from muster.base.errors import Unavailable
from muster.base.ids import new_id
from muster.model.event import About, Event
from muster.store.connect import connect
from muster.store.signals import LocalSignal

NODES = 3


def whole(tx, number):
    """Write what belongs together: a cluster, its nodes, a mark and an event."""
    cluster = a_cluster(id=UUID(int=number), name=f"c{number}", desired=NODES)
    tx.clusters.put(cluster)
    tx.nodes.put(*(a_node(i, cluster_id=cluster.id) for i in range(NODES)))
    tx.marks.mark(cluster.id)
    tx.events.append(
        Event(
            id=new_id(),
            at=NOW,
            kind="cluster.created",
            otype=About.CLUSTER,
            oid=cluster.id,
            oname=cluster.name,
            project="demo",
            cluster_id=cluster.id,
        )
    )
    tx.clusters.put(replace(cluster, desired=NODES, reason="written"))


async def write_for_ever(url, writers):
    store = await connect(url, LocalSignal())
    numbers = count(1)

    async def one():
        while True:
            number = next(numbers)
            await store.write(lambda tx, number=number: whole(tx, number))
            print(number, flush=True)

    await asyncio.gather(*(one() for _ in range(writers)))


async def write_until_full(url, limit):
    """Let no file grow beyond `limit`; write until told so; then lift it and write once more."""
    store = await connect(url, LocalSignal())
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    for number in count(1):
        try:
            await store.write(lambda tx, number=number: whole(tx, number))
            print(number, flush=True)
        except Unavailable as error:
            print(f"full: {error.text}", flush=True)
            break
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await store.write(lambda tx: whole(tx, 1_000_000))
    print(1_000_000, flush=True)
    await store.close()


if __name__ == "__main__":
    what, url, number = sys.argv[1:]
    work = {"for-ever": write_for_ever, "until-full": write_until_full}[what]
    asyncio.run(work(url, int(number)))

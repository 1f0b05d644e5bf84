"""How long a cluster takes from wish to ACTIVE on a simulated cloud without delays.

    python benchmarks/engine.py [--nodes 1000 10000] [--bare] [--settled 1000] [--profile]

Every record is durable: SQLite in a file, synchronous as in service, and memory is collected as
seldom. Clusters serve, with a pool and probes, or are `--bare`.
"""

import argparse
import asyncio
import cProfile
import gc
import pstats
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

sys.path[:0] = [str(Path(__file__).parent.parent / "tests")]

import builders  # noqa: E402
from muster.base.clock import SystemClock  # noqa: E402
from muster.base.ids import new_id  # noqa: E402
from muster.drivers.simulated.cloud import open_cloud  # noqa: E402
from muster.engine.pace import EnginePace  # noqa: E402
from muster.engine.worker import Engine  # noqa: E402
from muster.model.action import Action, Verb  # noqa: E402
from muster.model.cluster import Cluster, ClusterStatus  # noqa: E402
from muster.ports.cloud import CloudConfig  # noqa: E402
from muster.ports.store import Store, Transaction  # noqa: E402
from muster.store.connect import connect  # noqa: E402
from muster.store.signals import LocalSignal  # noqa: E402
from muster.wiring.serve import RARELY  # noqa: E402
from wishes import wished  # noqa: E402

LOOK_S = 0.03  # between two looks whether it is done: they are counted in


class Bench:
    def __init__(self, store: Store, clock: SystemClock) -> None:
        self.store = store
        self.clock = clock

    async def wish(self, cluster: Cluster, verb: Verb) -> Action:
        return await wished(self.store, cluster, verb, self.clock.now())

    async def create(self, desired: int, **but: Any) -> Action:
        id = new_id()
        await self.store.write(lambda tx: tx.profiles.put(builders.a_profile(id)))
        cluster = builders.a_new_cluster(
            id=id, name=f"c{id.hex[:8]}", desired=desired, profile_id=id, **but
        )
        return await self.wish(replace(cluster, init_at=self.clock.now()), Verb.CLUSTER_CREATE)

    async def change(self, cluster_id: UUID, verb: Verb, **changes: Any) -> Action:
        cluster = await self.store.read(lambda tx: tx.clusters.get(cluster_id))
        assert cluster
        grown = replace(cluster, generation=cluster.generation + 1, **changes)
        return await self.wish(grown, verb)

    async def until_ended(self, *actions: Action) -> None:
        for action in actions:
            while True:
                if await self.store.read(partial(_ended, id=action.id)):
                    break
                await asyncio.sleep(LOOK_S)


def _ended(tx: Transaction, id: UUID) -> bool:
    action = tx.actions.get(id)
    return action is not None and action.ended


class Figure:
    """Wall clock and processor time of one block, printed per node."""

    def __init__(self, what: str, nodes: int) -> None:
        self.what, self.nodes = what, nodes

    def __enter__(self) -> "Figure":
        gc.collect()
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        rss = psutil.Process().memory_info().rss / 2**20
        print(
            f"{self.what:<34} {wall:7.3f} s   CPU {cpu:7.3f} s"
            f"   {cpu / max(self.nodes, 1) * 1e3:6.3f} ms/node   RSS {rss:4.0f} MiB",
            flush=True,
        )


async def large(bench: Bench, nodes: int, *, bare: bool) -> None:
    but = {} if bare else {"service": builders.a_service(address="")}
    with Figure(f"create {nodes}", nodes):
        action = await bench.create(nodes, **but)
        await bench.until_ended(action)
    cluster = await bench.store.read(lambda tx: tx.clusters.get(action.target))
    assert cluster
    assert cluster.status is ClusterStatus.ACTIVE, cluster
    more = nodes + nodes // 10
    with Figure(f"resize {nodes} to {more}", more - nodes):
        grow = await bench.change(action.target, Verb.CLUSTER_RESIZE, desired=more)
        await bench.until_ended(grow)
    with Figure(f"delete {more}", more):
        gone = await bench.change(action.target, Verb.CLUSTER_DELETE, leaving=True)
        await bench.until_ended(gone)


async def many(bench: Bench, clusters: int, seconds: float) -> None:
    service = builders.a_service(address="")
    with Figure(f"create {clusters} clusters of 10", clusters * 10):
        wishes = [await bench.create(10, service=service) for _ in range(clusters)]
        await bench.until_ended(*wishes)
    await asyncio.sleep(3)
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    print(f"{clusters} settled clusters of 10 that serve: {share:.1%} of a core")


async def run(said: argparse.Namespace, home: Path) -> None:
    clock, signal = SystemClock(), LocalSignal()
    store = await connect(said.url or f"sqlite:///{home}/muster.db", signal, clock)
    config = CloudConfig(
        name="simulated",
        home=home,
        installation=new_id(),
        clock=clock,
        options={"accept_any": True},
    )
    cloud = await open_cloud(config)
    pace = EnginePace(owner="bench", max_cluster_size=100_000)
    engine = Engine(store, {"simulated": cloud}, clock, store.signal, pace)
    stop = asyncio.Event()
    running = asyncio.create_task(engine.run(stop))
    bench = Bench(store, clock)
    for nodes in said.nodes:
        await large(bench, nodes, bare=said.bare)
    if said.settled:
        await many(bench, said.settled, said.seconds)
    stop.set()
    await running
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--bare", action="store_true", help="without pools and probes")
    parser.add_argument("--settled", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--url", default="")
    parser.add_argument("--profile", action="store_true")
    said = parser.parse_args()
    profile = cProfile.Profile()
    gc.set_threshold(*RARELY)
    with tempfile.TemporaryDirectory() as home:
        if said.profile:
            profile.enable()
        asyncio.run(run(said, Path(home)))
        if said.profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()

"""A whole engine on a real store and a simulated cloud, on a clock that never really ticks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import builders
from memory import in_memory
from muster.base.clock import ManualClock
from muster.decide import joins
from muster.drivers.simulated.cloud import open_cloud, world_of
from muster.drivers.simulated.world import World
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.action import Action, ActionStatus, Verb
from muster.model.cluster import Cluster
from muster.model.event import Event
from muster.model.node import Node
from muster.model.observed import Server
from muster.model.profile import Profile
from muster.ports.cloud import Cloud, CloudConfig
from muster.ports.signal import Signal
from muster.ports.store import Query, Store
from muster.service.clusters import insist
from muster.store.connect import connect
from muster.store.signals import LocalSignal
from wishes import wished

INSTALLATION = UUID(int=7)
SIM = "simulated"


@dataclass
class Scene:
    """Everything a test of the engine plays with."""

    clock: ManualClock
    store: Store
    cloud: Cloud
    signal: Signal
    engines: dict[str, Engine] = field(default_factory=dict)

    @property
    def engine(self) -> Engine:
        return self.another("one")

    @property
    def world(self) -> World:
        return world_of(self.cloud)

    def another(self, owner: str, **pace: Any) -> Engine:
        """Return the engine of that name, as if it ran in a process of its own."""
        if owner not in self.engines:
            self.engines[owner] = self.engine_on(self.cloud, owner, **pace)
        return self.engines[owner]

    def engine_on(self, cloud: Cloud, owner: str = "one", **pace: Any) -> Engine:
        said = EnginePace(owner=owner, **pace)
        return Engine(self.store, {SIM: cloud}, self.clock, self.signal, said)

    def restart(self, **pace: Any) -> None:
        """Forget everything that only the processes knew."""
        self.engines.clear()
        self.another("again", **pace)
        self.engines["one"] = self.engines.pop("again")

    # --- wishes, as the service writes them ---------------------------------------------

    async def create(self, desired: int, **but: Any) -> UUID:
        cluster = builders.a_new_cluster(desired=desired, init_at=self.clock.now(), **but)
        profile = builders.a_profile(cluster.profile_id)
        await self.store.write(lambda tx: tx.profiles.put(profile))
        await wished(self.store, cluster, Verb.CLUSTER_CREATE, self.clock.now())
        return cluster.id

    async def wish(self, cluster_id: UUID, verb: Verb, **changes: Any) -> Action:
        """Change the cluster as whoever wishes would: one generation on, and marked."""
        cluster = await self.cluster(cluster_id)
        grown = replace(cluster, generation=cluster.generation + 1, **changes)
        return await wished(self.store, grown, verb, self.clock.now())

    async def resize(self, cluster_id: UUID, desired: int) -> Action:
        return await self.wish(cluster_id, Verb.CLUSTER_RESIZE, desired=desired)

    async def delete(self, cluster_id: UUID) -> Action:
        return await self.wish(cluster_id, Verb.CLUSTER_DELETE, leaving=True)

    async def insist(self, cluster_id: UUID) -> None:
        """Have a deletion under way wait for no host that does not answer."""
        now = self.clock.now()
        await self.store.write(lambda tx: insist(tx, tx.clusters.get(cluster_id), now))

    async def create_alone(self, name: str = "one", **but: Any) -> UUID:
        """Ask for a node that belongs to no cluster; return its id."""
        now = self.clock.now()
        plain = {"id": uuid5(builders.WEB, name), "cluster_id": None, "name": name, "since": now}
        node = builders.an_empty_place(-1, **plain | but)
        wish = self._node_wish(node, Verb.NODE_CREATE)
        profile = builders.a_profile(node.profile_id)

        def work(tx: Any) -> None:
            tx.profiles.put(profile)
            tx.nodes.put(node)
            tx.solos.put(joins.solo(node, SIM, now))
            tx.actions.put(wish)
            tx.marks.mark(node.id)

        await self.store.write(work)
        return node.id

    async def ask(
        self, node_id: UUID, verb: Verb, change: Any = None, leaving: bool = False, **inputs: Any
    ) -> Action:
        """Wish something of one node, as whoever wishes would; `change` is of its row."""
        node = await self.node(node_id)
        now = self.clock.now()
        wish = replace(self._node_wish(node, verb), inputs=inputs)

        def work(tx: Any) -> None:
            rows = tx.clusters if node.cluster_id else tx.solos
            cluster = rows.get(node.cluster_id or node.id)
            generation = cluster.generation + 1
            rows.put(replace(cluster, generation=generation, updated_at=now, leaving=leaving))
            if change:
                tx.nodes.put(change(tx.nodes.get(node_id)))
            tx.actions.put(replace(wish, generation=generation))
            tx.marks.mark(cluster.id)

        await self.store.write(work)
        return wish

    async def change(self, node_id: UUID) -> None:
        """Have what looks after a node know of a change, as the service does."""

        def work(tx: Any) -> None:
            node = tx.nodes.get(node_id)
            rows = tx.clusters if node.cluster_id else tx.solos
            keeper = rows.get(node.cluster_id or node.id)
            rows.put(replace(keeper, generation=keeper.generation + 1))
            tx.marks.mark(keeper.id)

        await self.store.write(work)

    def _node_wish(self, node: Node, verb: Verb) -> Action:
        now = self.clock.now()
        return Action(
            id=uuid5(node.id, f"wish/{verb}/{now}"),
            name=f"{verb.lower()}_{node.id.hex[:8]}",
            verb=verb,
            target=node.id,
            cluster_id=node.cluster_id,
            project=node.project,
            user=node.user,
            created_at=now,
        )

    async def join(self, node_id: UUID, cluster_id: UUID) -> None:
        """Have a node that stands alone become a member, as the service does."""
        now = self.clock.now()

        def work(tx: Any) -> None:
            node, cluster = tx.nodes.get(node_id), tx.clusters.get(cluster_id)
            tx.nodes.put(joins.joined(node, cluster, now))
            tx.solos.drop(node_id)
            grown = replace(cluster, desired=cluster.desired + 1, updated_at=now)
            index, generation = cluster.next_index + 1, cluster.generation + 1
            tx.clusters.put(replace(grown, next_index=index, generation=generation))
            tx.marks.mark(cluster_id)

        await self.store.write(work)

    async def part(self, node_id: UUID) -> None:
        """Have a member become a node that stands alone, as the service does."""
        now = self.clock.now()

        def work(tx: Any) -> None:
            node = tx.nodes.get(node_id)
            cluster = tx.clusters.get(node.cluster_id)
            after = joins.left(node, now)
            tx.nodes.put(after)
            tx.solos.put(joins.alone(after, cluster, now))
            smaller = replace(cluster, desired=cluster.desired - 1, updated_at=now)
            tx.clusters.put(replace(smaller, generation=cluster.generation + 1))
            tx.marks.mark(cluster.id, node_id)

        await self.store.write(work)

    async def node(self, node_id: UUID) -> Node:
        found = await self.store.read(lambda tx: tx.nodes.get(node_id))
        assert found is not None
        return found

    async def add_profile(self, profile: Profile) -> None:
        await self.store.write(lambda tx: tx.profiles.put(profile))

    async def mark(self, cluster_id: UUID) -> None:
        await self.store.write(lambda tx: tx.marks.mark(cluster_id))

    # --- time ---------------------------------------------------------------------------

    async def go_on(self, seconds: float = 0.0, *, steps: float = 1.0) -> None:
        """Let the engine work for so long, looking in every `steps` seconds."""
        await self.engine.settle()
        while seconds > 0:
            self.clock.advance(min(steps, seconds))
            seconds -= steps
            await self.engine.settle()

    async def with_ticks(self, seconds: float, *, steps: float = 1.0) -> None:
        """The same with every regular look taken in each step."""
        ticks = self.engine.ticks
        while seconds > 0:
            self.clock.advance(min(steps, seconds))
            seconds -= steps
            await ticks.look(SIM)
            await ticks.probe(SIM)
            await ticks.sample(SIM)
            await self.engine.settle()

    # --- what there is ------------------------------------------------------------------

    async def cluster(self, cluster_id: UUID) -> Cluster:
        found = await self.store.read(lambda tx: tx.clusters.get(cluster_id))
        assert found is not None
        return found

    async def exists(self, cluster_id: UUID) -> bool:
        return await self.store.read(lambda tx: tx.clusters.get(cluster_id)) is not None

    async def nodes(self, cluster_id: UUID) -> list[Node]:
        ours = Query(where={"cluster_id": (cluster_id,)}, sort=(("index", False),))
        return await self.store.read(lambda tx: tx.nodes.find(ours))

    async def actions(self, verb: Verb | None = None) -> list[Action]:
        found = await self.store.read(lambda tx: tx.actions.find(Query()))
        return [each for each in found if verb is None or each.verb is verb]

    async def ended(self, action: Action) -> ActionStatus:
        found = await self.store.read(lambda tx: tx.actions.get(action.id))
        assert found is not None
        return found.status

    async def events(self, kind: str = "") -> list[Event]:
        found = await self.store.read(lambda tx: tx.events.after(0, 100_000, None))
        return [each for each in found if each.kind.startswith(kind)]

    async def servers(self) -> Sequence[Server]:
        return await self.cloud.compute.list_servers()

    async def due(self) -> bool:
        """Whether any cluster is still marked."""
        return await self.store.read(lambda tx: tx.marks.due()) is not None


@asynccontextmanager
async def a_scene(url: str = "", clock: Any = None, **options: Any) -> AsyncIterator[Scene]:
    clock, signal = clock or ManualClock(), LocalSignal()
    store = await (connect(url, signal, clock) if url else in_memory(signal, clock))
    config = CloudConfig(
        name=SIM,
        home=Path("/nowhere"),
        installation=INSTALLATION,
        clock=clock,
        options={"accept_any": True, **options},
    )
    cloud = await open_cloud(config)
    try:
        yield Scene(clock, store, cloud, store.signal)
    finally:
        await store.close()

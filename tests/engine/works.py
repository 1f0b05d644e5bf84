"""Some servers of metal, and an engine that makes clusters of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from builders import NOW
from drivers.pem.made import KEY
from machines import a_clusterable_machine
from memory import in_memory
from metal import OURS, Killed, Metal, MetalFleet
from muster.base.certificates import fingerprint
from muster.base.clock import ManualClock
from muster.base.errors import Stale
from muster.decide.server_clusters import seed
from muster.decide.server_clusters.making import Newcomer, creation
from muster.engine.pace import EnginePace
from muster.engine.server_jobs.turn import advance
from muster.engine.worker import Engine
from muster.model.machine import Kind, Machine
from muster.model.server_cluster import ServerCluster, ServerClusterStatus
from muster.model.server_job import Job, JobKind
from muster.ports.agent import OUR_CERTIFICATE, OUR_KEY
from muster.ports.store import Query, Store
from muster.service.desk import Desk
from muster.store.signals import LocalSignal

ID, S = UUID(int=900), ServerClusterStatus
SERVICES = (("nvme", {"config": {"enabled": True}}), ("lvm", {"config": {"enabled": True}}))


@dataclass
class Works:
    """Some servers, and an engine that makes clusters of them."""

    store: Store
    clock: ManualClock
    fleet: MetalFleet
    engine: Engine
    third: Machine = field(default_factory=a_clusterable_machine)

    @property
    def desk(self) -> Desk:
        return Desk(
            store=self.store,
            clouds={},
            clock=self.clock,
            signal=self.engine.site.signal,
            default_cloud="",
            agents=self.fleet,
        )

    async def cluster(self) -> ServerCluster:
        found = await self.store.read(lambda tx: tx.server_clusters.get(ID))
        assert found is not None
        return found

    async def job(self) -> Job:
        job = (await self.cluster()).job
        assert job is not None
        return job

    async def machines(self) -> dict[str, Machine]:
        found = await self.store.read(lambda tx: tx.machines.find(Query()))
        return {each.name: each for each in found}

    async def go_on(self, steps: int = 600) -> None:
        """Take steps until the job has ended, time going by where it waits; kills are survived."""
        for _ in range(steps):
            try:
                if await advance(self.engine.site, self.fleet, ID):
                    continue
            except (Killed, Stale):
                continue
            if (await self.job()).due_at is None:
                return
            self.clock.advance(10)
            for each in self.fleet.metals.values():
                each.up_s += 10
        raise AssertionError(f"not over: {[e for e in (await self.job()).entries if e.open]}")


def the_machine(metal: Metal) -> Machine:
    plain = a_clusterable_machine(int(metal.name[1:]))
    return replace(
        plain,
        certificate=metal.certificate,
        fingerprint=fingerprint(metal.certificate) or metal.name,
        cluster="c1",
    )


@asynccontextmanager
async def works_of(count: int) -> AsyncIterator[Works]:
    """Have so many servers, and a cluster of them wished for."""
    clock, signal = ManualClock(), LocalSignal()
    store = await in_memory(signal)
    fleet = MetalFleet(count)
    engine = Engine(store, {}, clock, signal, EnginePace(owner="tests"))
    engine.ask_machines_by(fleet)
    made = Works(store, clock, fleet, engine)
    machines = [the_machine(each) for each in fleet.metals.values()]
    all_of_it = seed.merged({"config": {"user.rack": "7"}}, seed.Ground(), ID, OURS)
    entries = creation([Newcomer(machine=m, services=SERVICES) for m in machines], all_of_it, "")
    job = Job(id=UUID(int=901), kind=JobKind.CREATE, entries=entries, asked_at=NOW)
    cluster = ServerCluster(
        id=ID, name="c1", kind=Kind.INCUS, seed=all_of_it, job=job, created_at=NOW
    )

    def put(tx):
        tx.machines.put(*machines)
        tx.server_clusters.put(cluster)
        tx.settings.put(OUR_CERTIFICATE, OURS)
        tx.settings.put(OUR_KEY, KEY)

    await store.write(put)
    yield made
    await store.close()


def is_whole(works: Works) -> bool:
    """Return whether all servers are members of one cluster that has all it begins with."""
    metals = list(works.fleet.metals.values())
    union = metals[0].union
    assert union is not None
    kept = {key.partition("?")[0] for key in union.objects}
    return (
        all(each.union is union for each in metals)
        and set(union.members) == set(works.fleet.metals)
        and union.config == {"user.rack": "7"}
        and all(each.config["storage.images_volume"] == "local/images" for each in metals)
        and all(each.services["lvm"] == {"enabled": True} for each in metals)
        and union.objects["/1.0/storage-pools/local?&"]["status"] == "Created"
        and {"/1.0/networks/incusbr0", "/1.0/profiles/default", "/1.0/projects/internal"} <= kept
    )

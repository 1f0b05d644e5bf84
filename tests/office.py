"""A whole application for tests: memory store, simulated cloud, a clock that stands still."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from httpx2 import ASGITransport, AsyncClient
from litestar import Litestar
from prometheus_client import CollectorRegistry

from memory import in_memory
from muster.api.app import build
from muster.base.clock import ManualClock
from muster.base.errors import Unknown
from muster.decide.placement.solve import solve
from muster.decide.policies import POLICY_TYPES
from muster.decide.profile_types import PROFILE_TYPES
from muster.drivers.simulated.cloud import open_cloud
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.cluster import Cluster
from muster.model.placing import USUAL, Answer, Limit, Problem
from muster.model.who import Who
from muster.ports.cloud import Cloud, CloudConfig
from muster.ports.identity import Identity
from muster.ports.solver import Solver, Tell, nobody
from muster.ports.store import Transaction
from muster.service import flavors
from muster.service.desk import Desk
from muster.store.signals import LocalSignal

HERE = "http://127.0.0.1:8778"
WEB: Mapping[str, Any] = {
    "name": "web",
    "image": "demo-web",
    "flavor": "tiny",
    "min_size": 2,
    "max_size": 6,
    "port": 8080,
}
MANIFEST = """
name = "mine"
version = "7"
command = ["{python}", "-c", "pass"]
port = 9000
health_path = "/up"
"""
PEOPLE = {
    "ann": Who(user="ann", project="demo"),
    "bob": Who(user="bob", project="other"),
    "rita": Who(user="rita", project="demo", roles=("reader",)),
    "root": Who(user="root", project="ops", roles=("admin",)),
}


class NameTag:
    """An identity that believes the X-Name header."""

    challenge = "Name"

    async def who(self, headers: Mapping[str, str]) -> Who:
        try:
            return PEOPLE[headers.get("x-name", "")]
        except KeyError:
            raise Unknown("wear a name tag") from None

    def projects(self, user: str) -> Mapping[str, tuple[str, ...]]:
        return {}


class Guests(NameTag):
    """An identity that knows people until they have left."""

    def __init__(self) -> None:
        self.left: set[str] = set()

    async def who(self, headers: Mapping[str, str]) -> Who:
        if headers.get("x-name") in self.left:
            raise Unknown("has left")
        return await super().who(headers)


class SolvedHere:
    """A solver without a process of its own."""

    async def solve(self, problem: Problem, limit: Limit = USUAL, tell: Tell = nobody) -> Answer:
        return solve(problem, limit)

    async def close(self) -> None:
        return None


@dataclass
class Office:
    desk: Desk
    clock: ManualClock
    app: Litestar
    home: Path
    clients: dict[str, AsyncClient] = field(default_factory=dict)
    _engine: Engine | None = None

    @property
    def scratch(self) -> Path:
        """A folder that can be taken in as an image."""
        folder = self.home / "image"
        folder.mkdir(exist_ok=True)
        (folder / "muster-image.toml").write_text(MANIFEST)
        return folder

    async def call(self, method: str, path: str, body: Any = None, who: str = "ann") -> Any:
        """Return the answer to a request by one of the people above, in the newest words."""
        return await self.speak("latest", method, path, body, who)

    async def speak(
        self, version: str, method: str, path: str, body: Any = None, who: str = "ann"
    ) -> Any:
        """Return the answer to a request in a microversion of the clustering API; "": in none."""
        said = {"openstack-api-version": f"clustering {version}"} if version else {}
        client = self.clients["all"]
        headers = {"x-name": who, **said}
        return await client.request(method, path, json=body, headers=headers)

    async def made(self, who: str = "ann", **but: Any) -> dict[str, Any]:
        """Create a cluster and return it as shown."""
        answer = await self.call("POST", "/v1/clusters", {**WEB, **but}, who)
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def go_on(self, seconds: float = 0.0) -> None:
        """Let an engine work for so long, with every regular look in each second."""
        engine = self.engine
        await engine.settle()
        for _ in range(int(seconds)):
            self.clock.advance(1)
            for name in self.desk.clouds:
                await engine.ticks.look(name)
                await engine.ticks.probe(name)
                await engine.ticks.sample(name)
            await engine.settle()

    @property
    def engine(self) -> Engine:
        if self._engine is None:
            desk = self.desk
            pace = EnginePace(owner="tests")
            self._engine = Engine(desk.store, desk.clouds, self.clock, desk.signal, pace)
            self._engine.place_by(SolvedHere())
        return self._engine

    def start_again(self) -> None:
        """Go on with another engine, which knows nothing but what is recorded."""
        self._engine = None

    async def stored(self, id: str) -> Cluster:
        cluster = await self.desk.store.read(lambda tx: tx.clusters.get(UUID(id)))
        assert cluster is not None
        return cluster

    async def put(self, *rows: Any) -> None:
        """Write clusters or nodes as the engine would."""

        def work(tx: Transaction) -> None:
            for row in rows:
                (tx.clusters if isinstance(row, Cluster) else tx.nodes).put(row)

        await self.desk.store.write(work)


def path(cluster: Mapping[str, Any]) -> str:
    return f"/v1/clusters/{cluster['stack_name']}/{cluster['stack_id']}"


async def a_cloud(home: Path, clock: ManualClock, name: str = "simulated", **options: Any) -> Cloud:
    config = CloudConfig(
        name=name, home=home / name, installation=uuid4(), clock=clock, options=options
    )
    return await open_cloud(config)


_STARTED: dict[str, sqlite3.Connection] = {}  # what every office starts from, made by the first


@asynccontextmanager
async def opened(
    home: Path,
    identity: Identity | None = None,
    *,
    loopback_names: bool = False,
    clouds: Mapping[str, Cloud] | None = None,
    solver: Solver | None = None,
    **limits: int,
) -> AsyncIterator[Office]:
    clock, signal = ManualClock(), LocalSignal()
    store = await in_memory(signal, like=_STARTED.get("with flavors"))
    have = clouds or {"simulated": await a_cloud(home, clock)}
    desk = Desk(
        store=store,
        clouds=have,
        clock=clock,
        signal=signal,
        default_cloud=next(iter(have)),
        profile_types=PROFILE_TYPES,
        policy_types=POLICY_TYPES,
        placer=solver or SolvedHere(),
        **limits,
    )
    if not _STARTED:
        await flavors.seed(desk)
        _STARTED["with flavors"] = store.copied()
    app = build(
        desk,
        identity or NameTag(),
        loopback_names=loopback_names,
        registry=CollectorRegistry(),
    )
    office = Office(desk, clock, app, home)
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url=HERE) as client:
        office.clients["all"] = client
        yield office
    for cloud in have.values():
        await cloud.close()
    await store.close()

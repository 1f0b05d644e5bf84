"""From settings to what a process needs: store, clouds, desk, engine, identity."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from muster.base.clock import Clock, SystemClock
from muster.base.ids import new_id
from muster.drivers.authority import AcmeAuthority
from muster.drivers.hooks import Post
from muster.drivers.visitor import HttpVisitor
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.policy_type import Floor
from muster.model.system import Fixed
from muster.ports.store import Store, Transaction
from muster.service.desk import Desk
from muster.service.turnstile import Turnstile
from muster.settings import Settings
from muster.store.connect import connect
from muster.store.sealing import kept
from muster.store.signals import LocalSignal
from muster.wiring import certificate, loudness
from muster.wiring.agents import open_agents
from muster.wiring.clouds import Clouds
from muster.wiring.door import doorway_of
from muster.wiring.face import TlsFace, follow, turned
from muster.wiring.solver import open_solver
from muster.wiring.types import policy_types, profile_types


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything one process holds open."""

    settings: Settings
    clock: Clock
    store: Store
    desk: Desk
    engine: Engine
    face: TlsFace | None  # what it shows by HTTPS, if it serves that
    closing: AsyncExitStack  # what is to end together with the house
    look_again: Callable[[str], Awaitable[None]]  # at a cloud whose hosts have changed


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """Open the store and every cloud; close them again in the other order."""
    settings.home.mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    async with AsyncExitStack() as closing:
        signal = LocalSignal()
        store = await connect(settings.database, signal, clock, kept(settings.keys))
        closing.push_async_callback(store.close)
        installation = await store.write(_installation)
        clouds = Clouds(
            settings=settings,
            installation=installation,
            clock=clock,
            store=store,
            signal=store.signal,
        )
        closing.push_async_callback(clouds.close)
        await clouds.open_all()
        solver = open_solver()
        closing.push_async_callback(solver.close)
        agents = await open_agents(store, clock.now())
        closing.push_async_callback(agents.close)
        face = await _face(settings, store, closing)
        desk = Desk(
            store=store,
            clouds=clouds.open,
            admission=clouds,
            clock=clock,
            signal=store.signal,
            default_cloud=settings.default_cloud,
            max_cluster_size=settings.max_cluster_size,
            max_clusters=settings.max_clusters,
            installation=installation,
            profile_types=profile_types(),
            policy_types=policy_types(),
            public_url=settings.public_url,
            fixed=_fixed(settings),
            doorway=doorway_of(settings, clock.now()),
            turnstile=Turnstile(settings.webhooks_per_minute),
            placer=solver,
            agents=agents,
            face=face,
            authority=AcmeAuthority(clock),
            policy_floor=Floor(health_interval_s=settings.health_check_interval_min),
            delete_with_dependency=settings.delete_with_dependency,
            name_unique=settings.name_unique,
        )
        engine = Engine(store, clouds.open, clock, store.signal, _pace(settings))
        clouds.engine = engine
        _equip(engine, desk, closing)
        _look_after(clouds, desk, settings, closing)
        yield House(
            settings=settings,
            clock=clock,
            store=store,
            desk=desk,
            engine=engine,
            face=face,
            closing=closing,
            look_again=clouds.look_again,
        )


def _look_after(clouds: Clouds, desk: Desk, settings: Settings, closing: AsyncExitStack) -> None:
    """Begin with what a process does for as long as the house is open."""
    cares = (clouds.follow(), loudness.follow(desk.store, settings), certificate.follow(desk))
    for forever in cares:
        closing.callback(asyncio.create_task(forever).cancel)


async def _face(settings: Settings, store: Store, closing: AsyncExitStack) -> TlsFace | None:
    """Return what shows a certificate by HTTPS, as all servers are told to; it ends with these."""
    if not settings.tls_certificate:
        return None
    made = TlsFace()
    shown = await turned(store, made, "")
    closing.callback(asyncio.create_task(follow(store, made, shown)).cancel)
    return made


def _equip(engine: Engine, desk: Desk, closing: AsyncExitStack) -> None:
    """Give the engine whom it asks beside its clouds; that ends together with the house."""
    hooks, visitor = Post(desk.store, desk.clock), HttpVisitor()
    closing.push_async_callback(hooks.close)
    closing.push_async_callback(visitor.close)
    engine.ask_by(hooks)
    engine.visit_by(visitor)
    engine.place_by(desk.solver)
    engine.know(desk.policy_types)
    if desk.agents:
        engine.ask_machines_by(desk.agents, desk.public_url)


def _installation(tx: Transaction) -> UUID:
    """Return the id of this installation, given to it at its first start."""
    known = tx.settings.get("installation")
    if known is None:
        known = str(new_id())
        tx.settings.put("installation", known)
    return UUID(known)


def _fixed(settings: Settings) -> Fixed:
    shown = Path(settings.tls_certificate).read_text() if settings.tls_certificate else ""
    return Fixed(listen=settings.listen, log_level=settings.log_level, shown=shown)


def _pace(settings: Settings) -> EnginePace:
    return EnginePace(
        owner=f"{socket.gethostname()}/{os.getpid()}",
        lease_s=settings.lease_s,
        passes_at_once=settings.passes_at_once,
        sweep_every_s=settings.sweep_every_s,
        stray_grace_s=settings.stray_grace_s,
        keep_days=settings.keep_events_days,
        max_cluster_size=settings.max_cluster_size,
        alone=not settings.database.startswith("postgresql"),
    )


def users_file(settings: Settings) -> Path:
    return Path(settings.users_file) if settings.users_file else settings.home / "users.toml"

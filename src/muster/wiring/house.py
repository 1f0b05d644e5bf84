"""From settings to what a process needs: store, clouds, desk, engine, identity."""

import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from muster.base.clock import Clock, SystemClock
from muster.base.errors import Invalid
from muster.base.ids import new_id
from muster.drivers.hooks import Post
from muster.drivers.registry import BUILT_IN, DRIVERS
from muster.drivers.visitor import HttpVisitor
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.policy_type import Floor
from muster.ports.cloud import Cloud, CloudConfig
from muster.ports.store import Store, Transaction
from muster.service.desk import Desk
from muster.service.turnstile import Turnstile
from muster.settings import Settings
from muster.store.connect import connect
from muster.store.signals import LocalSignal
from muster.wiring.fittings import fitted, fittings, parted
from muster.wiring.types import policy_types, profile_types


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything one process holds open."""

    settings: Settings
    clock: Clock
    store: Store
    desk: Desk
    engine: Engine
    closing: AsyncExitStack  # what is to end together with the house


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[House]:
    """Open the store and every cloud; close them again in the other order."""
    settings.home.mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    async with AsyncExitStack() as closing:
        signal = LocalSignal()
        store = await connect(settings.database, signal, clock)
        closing.push_async_callback(store.close)
        installation = await store.write(_installation)
        clouds = {}
        for name, options in _clouds(settings).items():
            clouds[name] = await _open_cloud(settings, name, options, installation, clock)
            closing.push_async_callback(clouds[name].close)
        desk = Desk(
            store=store,
            clouds=clouds,
            clock=clock,
            signal=store.signal,
            default_cloud=settings.default_cloud,
            max_cluster_size=settings.max_cluster_size,
            max_clusters=settings.max_clusters,
            installation=installation,
            profile_types=profile_types(),
            policy_types=policy_types(),
            public_url=settings.public_url,
            turnstile=Turnstile(settings.webhooks_per_minute),
            policy_floor=Floor(health_interval_s=settings.health_check_interval_min),
            delete_with_dependency=settings.delete_with_dependency,
            name_unique=settings.name_unique,
        )
        engine = Engine(store, clouds, clock, store.signal, _pace(settings))
        hooks = Post(store, clock)
        closing.push_async_callback(hooks.close)
        engine.ask_by(hooks)
        engine.know(desk.policy_types)
        visitor = HttpVisitor()
        closing.push_async_callback(visitor.close)
        engine.visit_by(visitor)
        yield House(
            settings=settings,
            clock=clock,
            store=store,
            desk=desk,
            engine=engine,
            closing=closing,
        )


def _installation(tx: Transaction) -> UUID:
    """Return the id of this installation, given to it at its first start."""
    known = tx.settings.get("installation")
    if known is None:
        known = str(new_id())
        tx.settings.put("installation", known)
    return UUID(known)


def _clouds(settings: Settings) -> Mapping[str, Mapping[str, object]]:
    """Return every cloud by name, the built-in ones changed by what the settings say of them."""
    clouds = {name: {**options} for name, options in BUILT_IN.items()}
    for name, said in settings.clouds.items():
        clouds[name] = {**clouds.get(name, {}), **said}
    for name, options in clouds.items():
        if options.get("kind") not in DRIVERS:
            known = ", ".join(DRIVERS)
            raise Invalid(f"clouds.{name}.kind must be one of {known}", field=f"clouds.{name}.kind")
    if settings.default_cloud not in clouds:
        known = ", ".join(clouds)
        raise Invalid(f"default_cloud must be one of {known}", field="default_cloud")
    return clouds


async def _open_cloud(
    settings: Settings,
    name: str,
    options: Mapping[str, object],
    installation: UUID,
    clock: Clock,
) -> Cloud:
    kind, (own, others) = str(options["kind"]), parted(options)
    fit = fittings(kind, others, name)
    config = CloudConfig(
        name=name,
        home=settings.home / "clouds" / name,
        installation=installation,
        clock=clock,
        options=own,
    )
    return await fitted(await DRIVERS[kind](config), fit, config)


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

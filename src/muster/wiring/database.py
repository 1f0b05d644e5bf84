"""`muster db`: the database's schema and its backup."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path

import click

from muster.base.clock import SystemClock
from muster.base.errors import Invalid, SchemaMismatch
from muster.engine.trim import KINDS, Past
from muster.engine.trim import purge as purged
from muster.ports.store import Store
from muster.settings import Settings, load
from muster.wiring.serve import told


@click.group()
def db() -> None:
    """Upgrade, check, back up and purge the database, and change the key of its secrets."""


@db.command()
def upgrade() -> None:
    """Bring the schema to this version of Muster. Safe to run at once in several places."""
    from muster.store import schema

    with told():
        settings = load()
        settings.home.mkdir(parents=True, exist_ok=True)
        schema.upgrade(settings.database)
        click.echo(schema.check(settings.database).text)


@db.command()
def check() -> None:
    """Say whether the schema fits this version of Muster; exit 1 if not."""
    from muster.store import schema

    with told():
        state = schema.check(load().database)
    click.echo(state.text)
    if state.condition is not schema.Condition.CURRENT:
        raise SystemExit(1)


@db.command()
@click.argument("path", type=click.Path(dir_okay=False))
def backup(path: str) -> None:
    """Write a consistent copy to PATH while the service runs."""
    from muster.store import schema

    with told():
        schema.backup(load().database, Path(path))
    click.echo(f"Backed up to {path}.")


@db.command("rotate-key")
@click.option("--forget", is_flag=True, help="Forget all keys before it, also of old backups.")
def rotate_key(forget: bool) -> None:
    """Seal what is secret by a new key. Safe while the service runs.

    The old keys stay in the file, for backups from before, unless --forget.
    """
    with told():
        rows, gone = asyncio.run(_rotate(load(), forget))
    click.echo(f"{rows} rows sealed by a new key.")
    if forget:
        click.echo(f"{gone} old keys forgotten.")


async def _rotate(settings: Settings, forget: bool) -> tuple[int, int]:
    store = await opened(settings)
    try:
        return await store.change_key(forget=forget)
    finally:
        await store.close()


_AGE = re.compile(r"(\d{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@db.command()
@click.argument("kind", type=click.Choice(sorted(KINDS)))
@click.option("--older-than", required=True, help="An age: 30d, 12h, 90m, 45s.")
@click.option("--project", help="Of this project only.")
def purge(kind: str, older_than: str, project: str | None) -> None:
    """Remove what is told of the past: actions that have ended, events, decisions, messages.

    The service does so by itself after `keep_events_days`; this is for having it sooner.
    Safe while the service runs.
    """
    with told():
        age = _age(older_than)
        removed = asyncio.run(_purge(load(), kind, age, project))
    click.echo(f"{removed} {kind} removed.")


def _age(said: str) -> timedelta:
    found = _AGE.fullmatch(said)
    if found is None:
        raise Invalid(f"--older-than must be like 30d, 12h, 90m or 45s, not {said!r}", field="age")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


async def _purge(settings: Settings, kind: str, age: timedelta, project: str | None) -> int:
    try:
        before = SystemClock().now() - age
    except OverflowError:
        return 0
    store = await opened(settings)
    try:
        return await purged(store, kind, Past(before, project))
    finally:
        await store.close()


async def opened(settings: Settings) -> Store:
    """Return the store of a database that is of this version."""
    from muster.store import schema
    from muster.store.connect import connect
    from muster.store.sealing import kept
    from muster.store.signals import LocalSignal

    state = await asyncio.to_thread(schema.check, settings.database)
    if state.condition is not schema.Condition.CURRENT:
        raise SchemaMismatch(state.text)
    return await connect(settings.database, LocalSignal(), seal=kept(settings.keys))

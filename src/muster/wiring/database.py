"""`muster db`: the database's schema and its backup."""

from pathlib import Path

import click

from muster.settings import load
from muster.wiring.serve import told


@click.group()
def db() -> None:
    """Upgrade, check and back up the database."""


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

"""`muster user`: who may ask where identity is basic."""

import asyncio
from pathlib import Path

import click

from muster.settings import Settings, load
from muster.wiring.serve import told


def _file(settings: Settings | None = None) -> Path:
    settings = settings or load()
    return Path(settings.users_file) if settings.users_file else settings.home / "users.toml"


async def _revoked(settings: Settings, name: str) -> int:
    """Revoke what a user has signed in with, and return how many; none without a database."""
    from muster.service.tokens import revoke_all
    from muster.store import schema
    from muster.wiring.database import opened

    state = await asyncio.to_thread(schema.check, settings.database)
    if state.condition is schema.Condition.EMPTY:
        return 0
    store = await opened(settings)
    try:
        return await revoke_all(store, name)
    finally:
        await store.close()


@click.group()
def user() -> None:
    """Users of identity basic: names, passwords, roles in projects.

    A running server takes changes up at once. Roles: reader, member, admin.
    """


@user.command()
@click.argument("name")
@click.option("--project", default="default", show_default=True, help="Where he has the roles.")
@click.option("--role", "roles", multiple=True, default=["member"], show_default=True)
@click.password_option(help="Asked for if not given.")
def add(name: str, project: str, roles: tuple[str, ...], password: str) -> None:
    """Add user NAME."""
    from muster.drivers.identity.users import add_user

    with told():
        add_user(_file(), name, password, {project: tuple(roles)})
    click.echo(f"{name} may ask now, as {', '.join(roles)} in project {project}.")


@user.command("list")
def list_() -> None:
    """List users with their projects and roles."""
    from muster.drivers.identity.users import load as users

    with told():
        for each in users(_file()).values():
            where = "; ".join(f"{p}: {', '.join(r)}" for p, r in each.projects.items())
            click.echo(f"{each.name:20} {where}")


@user.command()
@click.argument("name")
@click.password_option(help="Asked for if not given.")
def password(name: str, password: str) -> None:
    """Give user NAME a new password; his sessions and tokens end."""
    from muster.drivers.identity.users import set_password

    with told():
        settings = load()
        set_password(_file(settings), name, password)
        gone = asyncio.run(_revoked(settings, name))
    click.echo(f"{name} has a new password; {gone} sessions and tokens revoked.")


@user.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove user NAME with his sessions and tokens."""
    from muster.drivers.identity.users import remove_user

    with told():
        settings = load()
        remove_user(_file(settings), name)
        gone = asyncio.run(_revoked(settings, name))
    click.echo(f"{name} may no longer ask; {gone} sessions and tokens revoked.")

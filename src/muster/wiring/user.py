"""`muster user`: who may ask where identity is basic."""

from pathlib import Path

import click

from muster.settings import load
from muster.wiring.serve import told


def _file() -> Path:
    settings = load()
    return Path(settings.users_file) if settings.users_file else settings.home / "users.toml"


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
    """Give user NAME a new password."""
    from muster.drivers.identity.users import set_password

    with told():
        set_password(_file(), name, password)
    click.echo(f"{name} has a new password.")


@user.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove user NAME; his tokens stay until they are revoked."""
    from muster.drivers.identity.users import remove_user

    with told():
        remove_user(_file(), name)
    click.echo(f"{name} may no longer ask.")

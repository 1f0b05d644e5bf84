"""What commands of servers and of their templates have in common: paths, lists, changes."""

from collections.abc import Mapping
from typing import Any

from muster.cli.asking import Asking
from muster.cli.show import Row, local

HERE = "/1.0/provisioning"
_NEVER = "0001-"


def at(kind: str, name: str, verb: str = "") -> str:
    """Return the path of one of a kind."""
    from muster.client.http import at

    return at(kind, name, version=HERE[1:]) + (f"/{verb}" if verb else "")


def listed(asked: Asking, kind: str, where: Mapping[str, str | None]) -> list[Row]:
    """Return all of a kind as objects."""
    with asked.session() as session:
        query = {"recursion": 1, **where}
        rows: list[Row] = session.call("GET", f"{HERE}/{kind}", query=query)["metadata"]
        return rows


def seen(asked: Asking, kind: str, name: str) -> dict[str, Any]:
    with asked.session() as session:
        found: dict[str, Any] = session.call("GET", at(kind, name))["metadata"]
        return found


def revised(asked: Asking, kind: str, name: str, changes: Mapping[str, object]) -> dict[str, Any]:
    """Return one of a kind after these changes to it; refused where others change it as well."""
    with asked.session() as session:
        session.revise(at(kind, name), changes)
    return seen(asked, kind, name)


def drop(asked: Asking, kind: str, name: str) -> None:
    with asked.session() as session:
        session.call("DELETE", at(kind, name))


def called(stamp: object) -> str:
    """Return a time of the API in this machine's zone, "" for one that has never been."""
    return "" if str(stamp).startswith(_NEVER) else local(stamp)

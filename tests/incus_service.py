"""A web service on real Incus members: what tests ask of it, and clients that it has."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.request import urlopen

from house import House, house, until
from muster.client.http import ApiError, Session
from testbed.incus import fabric, rest
from testbed.incus.bed import settings
from testbed.incus.place import Place

WEB = {
    "name": "web",
    "cloud": "site",
    "image": "demo-web",
    "flavor": "tiny",
    "min_size": 3,
    "max_size": 6,
    "health_path": "/health",
    "port": 8080,
}


@contextmanager
def beside(place: Place, home: Path, more: str = "", **environ: str) -> Iterator[House]:
    """Run a house beside the members, whose cloud `site` they are; nothing outlives it.

    `more` are further options of the cloud, as they stand in a table on one line; `environ` are
    further settings of the house.
    """
    said = ", ".join(f'{name} = "{value}"' for name, value in settings(place).items())
    pace = "look_every_s = 1.0, stray_grace_s = 15.0"
    options = ", ".join(each for each in (pace, said, more) if each)
    clouds = f'{{site = {{kind = "incus", {options}}}}}'
    with fabric.entered(place), house(home, MUSTER_CLOUDS=clouds, **environ) as made:
        made.start()
        yield made
        with made.session() as session:
            for each in session.call("GET", "/v1/clusters")["clusters"]:
                with suppress(ApiError):  # a test that has asked for its end may see it first
                    session.call("DELETE", f"/v1/clusters/{each['name']}/{each['id']}")
        until(lambda: not instances(place), 180, "nothing is left on any member")


def instances(place: Place, member: str = "m1") -> dict[str, Any]:
    listed = rest.call(place.socket(member), "GET", "/1.0/instances?recursion=1")
    return {each["name"]: each for each in listed}


def instance(place: Place, name: str) -> dict[str, Any]:
    """Return what Incus lists of an instance: it leaves one out for a moment while it moves it."""
    found: dict[str, Any] = until(lambda: instances(place).get(name), 180, f"{name} is listed")
    return found


def whereabouts(place: Place) -> dict[str, str]:
    return {name: each["location"] for name, each in instances(place).items()}


def ask(url: str) -> dict[str, Any]:
    with urlopen(f"{url}/", timeout=30) as answer:
        said: dict[str, Any] = json.load(answer)
        return said


def who_answers(url: str) -> str:
    """Return the instance that answers a request, "" where none does just then."""
    with suppress(OSError, HTTPException):
        return str(ask(url)["instance"])
    return ""


def change(session: Session, seen: dict[str, Any], **fields: object) -> None:
    session.call("PATCH", f"/v1/clusters/{seen['name']}/{seen['id']}", fields)


def statuses(session: Session) -> set[str]:
    listed = session.call("GET", "/v1/instances")["instances"]
    return {each["status"] for each in listed}


def passed(seconds: float) -> None:
    """Let time pass, for what must not happen meanwhile."""
    end = monotonic() + seconds
    until(lambda: monotonic() > end, seconds + 5, "time passes")

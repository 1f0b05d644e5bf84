"""Virtual clusters on real Incus members: on their hosts, attached, usable, and gone again."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from house import House, until
from incus_service import beside, instances
from muster.client.http import Session
from testbed.incus import rest
from testbed.incus.place import Place
from vclusters import body, one_key, repeated, rule, server, volume

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

WHERE = "/v2/default/vclusters"
FORMS: dict[str, Callable[[Any], str]] = {"list": json.dumps, "keys": repeated, "key": one_key}


@pytest.fixture
def place(incus_testbeds: Callable[[int], Place]) -> Place:
    return incus_testbeds(3)


@pytest.fixture
def it(place: Place, tmp_path: Path) -> Iterator[House]:
    with beside(place, tmp_path / "home") as made:
        yield made


def small(name: str, *names: str) -> dict[str, Any]:
    """Return a use case of the blueprint: data servers of these names, each with its volume."""
    things = [each for n in names for each in (server(n), volume(f"{n}-vol", 1))]
    rules = [rule("affinity", n, f"{n}-vol") for n in names]
    if len(names) > 1:
        rules.append(rule("anti-affinity", *names))
        rules.append(rule("anti-affinity", *(f"{n}-vol" for n in names)))
    return body(things, rules, name=name, cloud="site")


def volumes(place: Place) -> dict[str, Any]:
    listed = rest.call(
        place.socket("m1"), "GET", "/1.0/storage-pools/default/volumes/custom?recursion=1"
    )
    return {each["config"]["user.muster.name"]: each for each in listed}


def shown(session: Session, name: str) -> dict[str, Any]:
    found: dict[str, Any] = session.call("GET", f"{WHERE}/{name}")["vcluster"]
    return found


def whole(session: Session, name: str) -> bool:
    found = shown(session, name)
    assert found["status"] in ("CREATING", "ACTIVE"), found
    return found["status"] == "ACTIVE"


def test_the_use_cases_of_the_blueprint_come_to_be_in_every_form(it: House, place: Place) -> None:
    asked = {f"one-{form}": small(f"one-{form}", "db") for form in FORMS}
    asked |= {f"two-{form}": small(f"two-{form}", "db-1", "db-2") for form in FORMS}
    with it.session() as session:
        for name, said in asked.items():
            content = FORMS[name.partition("-")[2]](said).encode()
            session.call("POST", WHERE, content)
        until(lambda: all(whole(session, name) for name in asked), 120, "all are there")
        made, disks = instances(place), volumes(place)
        for name in asked:
            found = shown(session, name)
            assert {each["state"] for each in found["groupings"]} == {"satisfied"}
            hosts = {each["name"]: each["host"] for each in found["instances"]}
            for each in found["instances"]:
                called = f"{name}-{each['name']}"
                if each["type"] == "server":
                    assert _called(made, called)["location"] == each["host"]
                else:
                    assert disks[called]["location"] == each["host"]
                    assert each["host"] == hosts[each["attached_to"]]
            if name.startswith("two"):
                assert hosts["db-1"] != hosts["db-2"]
        _written_through(place, "two-keys-db-1", disks["two-keys-db-1-vol"])
        for name in asked:
            session.call("DELETE", f"{WHERE}/{name}")
        until(lambda: not instances(place) and not volumes(place), 120, "nothing is left")
        until(lambda: not session.call("GET", WHERE)["vclusters"], 30, "no record is left")


def _called(made: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each for each in made.values() if each["config"]["user.muster.name"] == name]
    return dict(found)


def _written_through(place: Place, name: str, disk: dict[str, Any]) -> None:
    """See that what the server writes lies on the volume, on that member's own disk."""
    server = _called(instances(place), name)
    where = f"/mnt/{disk['config']['user.muster.name']}"
    words = ["sh", "-c", f"echo kept > {where}/note"]
    asked = {"command": words, "wait-for-websocket": False, "record-output": False}
    rest.call(place.socket("m1"), "POST", f"/1.0/instances/{server['name']}/exec", asked)
    pool = place.folder(disk["location"]) / "incus" / "storage-pools" / "default" / "custom"
    assert (pool / f"default_{disk['name']}" / "note").read_text() == "kept\n"

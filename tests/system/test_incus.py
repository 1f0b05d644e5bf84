"""A cluster on real Incus members, from the request to the last instance that is gone."""

import json
import os
import signal
from collections.abc import Iterator
from time import monotonic
from typing import Any
from urllib.request import urlopen

import pytest

from house import House, house, until
from testbed.incus import machine, rest
from testbed.incus.bed import settings
from testbed.incus.fabric import entered
from testbed.incus.place import Place

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

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


@pytest.fixture
def place(incus_testbeds) -> Place:
    return incus_testbeds(3)


@pytest.fixture
def it(place, tmp_path) -> Iterator[House]:
    """A house beside the members, whose cloud `site` they are."""
    said = ", ".join(f'{name} = "{value}"' for name, value in settings(place).items())
    clouds = f'{{site = {{kind = "incus", look_every_s = 1.0, {said}}}}}'
    with entered(place), house(tmp_path / "home", MUSTER_CLOUDS=clouds) as made:
        made.start()
        yield made
        with made.session() as session:
            names = [each["name"] for each in session.call("GET", "/v1/clusters")["clusters"]]
            for name in names:
                session.call("DELETE", f"/v1/clusters/{name}")
        until(lambda: not instances(place), 60, "nothing is left on any member")


def instances(place: Place) -> dict[str, Any]:
    listed = rest.call(place.socket("m1"), "GET", "/1.0/instances?recursion=1")
    return {each["name"]: each for each in listed}


def ask(url: str) -> dict[str, Any]:
    with urlopen(f"{url}/", timeout=5) as answer:
        said: dict[str, Any] = json.load(answer)
        return said


def test_one_request_makes_a_service_spread_over_the_members(it, place):
    began = monotonic()
    with it.session() as session:
        session.call("POST", "/v1/clusters", WEB)
        url = it.settled("web")["load_balancer_url"]
        assert ask(url)["version"] == "1"
        assert monotonic() - began < 30
        made = instances(place)
        assert {each["location"] for each in made.values()} == {"m1", "m2", "m3"}
        answering = set()
        until(lambda: answering.add(ask(url)["instance"]) or len(answering) == 3, 20, "all answer")

        session.call("DELETE", "/v1/clusters/web")
        until(lambda: not instances(place), 60, "no instance is left")


def test_a_killed_container_is_replaced_and_serves(it, place):
    with it.session() as session:
        session.call("POST", "/v1/clusters", WEB)
        url = it.settled("web")["load_balancer_url"]
        before = instances(place)
        name, victim = next(iter(before.items()))
        state = rest.call(place.socket("m1"), "GET", f"/1.0/instances/{name}/state")
        kill(place, victim["location"], state["pid"])
        killed = monotonic()

        def replaced() -> bool:
            made = instances(place)
            well = [each for each in made.values() if each["status"] == "Running"]
            return name not in made and len(well) == 3

        until(replaced, 30, "another instance runs in its place")
        new = (instances(place).keys() - before.keys()).pop()
        served = instances(place)[new]["config"]["user.muster.server"]
        until(lambda: ask(url)["instance"] == served, 30, "the new one serves")
        print(f"replaced and serving after {monotonic() - killed:.1f} s")


def kill(place: Place, member: str, pid: int) -> None:
    """Kill a process by the pid that it has on its member."""
    first = machine.first_process(place, member)
    done = os.spawnlp(
        os.P_WAIT, "nsenter", "nsenter", "-t", str(first), "-p", "-m", "kill", "-9", str(pid)
    )
    assert done == 0, signal.SIGKILL

"""A cluster on real Incus members, from the request to the last instance that is gone."""

import json
import os
import signal
from collections.abc import Iterator
from random import Random
from threading import Event, Thread
from time import monotonic
from typing import Any
from urllib.request import urlopen

import pytest

from house import House, house, until
from muster.client.http import Session
from testbed.incus import fabric, machine, rest
from testbed.incus.bed import settings
from testbed.incus.place import Place

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

SHARE = 300  # requests before and after something happens, at least
KILLS = 8
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
    with fabric.entered(place), house(tmp_path / "home", MUSTER_CLOUDS=clouds) as made:
        made.start()
        yield made
        with made.session() as session:
            names = [each["name"] for each in session.call("GET", "/v1/clusters")["clusters"]]
            for name in names:
                session.call("DELETE", f"/v1/clusters/{name}")
        until(lambda: not instances(place), 60, "nothing is left on any member")


def stopped(place: Place, member: str) -> None:
    machine.end_daemon(place, member, signal.SIGTERM)


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


def test_a_new_version_comes_in_without_a_failed_request(it, place):
    with it.session() as session:
        session.call("POST", "/v1/clusters", WEB)
        seen = it.settled("web")
        url = seen["load_balancer_url"]
        with Load(f"{url}/health") as load:
            until(lambda: load.answered > SHARE, 60, "clients are served")
            change(session, seen, image="demo-web-v2")
            until(lambda: versions(place) == {"2"}, 120, "all are of the new version")
            it.settled("web", 120)
            least = load.answered + SHARE
            until(lambda: load.answered > least, 60, "clients are served after it")
        assert load.failed == []
        assert ask(url)["version"] == "2"
        print(f"updated under {load.answered} requests")


@pytest.mark.parametrize(
    ("lost", "found"),
    [
        pytest.param(machine.crash, machine.boot, id="no power"),
        pytest.param(fabric.cut, fabric.mend, id="link cut"),
        pytest.param(stopped, machine.start, id="daemon stopped"),
    ],
)
def test_a_member_that_comes_back_has_its_instances_still_and_nobody_has_two(
    it, place, lost, found
):
    with it.session() as session:
        session.call("POST", "/v1/clusters", WEB)
        url = it.settled("web")["load_balancer_url"]
        before = {name: each["location"] for name, each in instances(place).items()}
        lost(place, "m2")
        try:
            until(lambda: "WARNING" in statuses(session), 60, "the loss is said")
            with Load(f"{url}/health") as load:
                until(lambda: load.answered > SHARE, 60, "clients are served meanwhile")
            assert load.failed == []
        finally:
            found(place, "m2")
        until(lambda: statuses(session) == {"ACTIVE"}, 90, "all is well again")
        after = {name: each["location"] for name, each in instances(place).items()}
        assert after == before


def test_a_server_killed_at_any_moment_loses_and_leaves_nothing(it, place):
    seed = int(os.environ.get("CHAOS_SEED", "0")) or Random().randrange(1 << 30)
    print(f"CHAOS_SEED={seed}")
    dice = Random(seed)
    with it.session() as session:
        session.call("POST", "/v1/clusters", {**WEB, "min_size": 1})
        seen = it.settled("web")
        wanted = 1
        for _ in range(KILLS):
            wanted = dice.choice([each for each in range(1, 7) if each != wanted])
            change(session, seen, desired_size=wanted)
            moment = monotonic() + dice.uniform(0, 3)
            until(lambda moment=moment: monotonic() > moment, 5, "the moment has come")
            it.kill()
            it.start()
        it.settled("web", 90)
        until(lambda: len(instances(place)) == wanted, 60, "there are as many as wanted")
        assert {each["status"] for each in instances(place).values()} == {"Running"}


def test_real_load_brings_more_instances_and_its_end_takes_them_away(it, place):
    scaled = {"min_size": 1, "max_size": 3, "target": 0.5, "cooldown": 1, "scale_in_window": 5}
    with it.session() as session:
        session.call("POST", "/v1/clusters", {**WEB, **scaled})
        url = it.settled("web")["load_balancer_url"]
        with Load(f"{url}/", clients=2) as load:
            until(lambda: len(instances(place)) >= 2, 90, "more instances carry the load")
            it.settled("web", 90)
        assert load.failed == []
        until(lambda: len(instances(place)) == 1, 120, "nobody is left for nothing")
        assert ask(url)["version"] == "1"


def change(session: Session, seen: dict[str, Any], **fields: object) -> None:
    session.call("PATCH", f"/v1/clusters/{seen['name']}/{seen['id']}", fields)


def versions(place: Place) -> set[str]:
    return {each["config"]["image.release"] for each in instances(place).values()}


def statuses(session: Session) -> set[str]:
    listed = session.call("GET", "/v1/instances")["instances"]
    return {each["status"] for each in listed}


class Load:
    """Clients in threads of their own, which are in the network that they were started in."""

    def __init__(self, url: str, clients: int = 4) -> None:
        self._url = url
        self._over = Event()
        self._threads = [Thread(target=self._ask, daemon=True) for _ in range(clients)]
        self.answered = 0
        self.failed: list[str] = []

    def __enter__(self) -> "Load":
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for each in self._threads:
            each.join(10)

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                with urlopen(self._url, timeout=10) as answer:
                    answer.read()
                self.answered += 1
            except OSError as error:
                self.failed.append(str(error))


def kill(place: Place, member: str, pid: int) -> None:
    """Kill a process by the pid that it has on its member."""
    first = machine.first_process(place, member)
    done = os.spawnlp(
        os.P_WAIT, "nsenter", "nsenter", "-t", str(first), "-p", "-m", "kill", "-9", str(pid)
    )
    assert done == 0, signal.SIGKILL

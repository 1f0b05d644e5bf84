"""A cluster on real Incus members, from the request to the last instance that is gone."""

import os
import signal
from collections.abc import Iterator
from time import monotonic

import pytest

from house import House, until
from incus_service import WEB, ask, beside, change, instance, instances, who_answers
from muster.client.http import Session
from testbed.incus import machine, rest
from testbed.incus.place import Place
from traffic import Load

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

SHARE = 300  # requests before and after something happens, at least
REQUESTS = 10_000  # in all
PROMISED_S = 30  # from the request until it is served


@pytest.fixture
def place(incus_testbeds) -> Place:
    return incus_testbeds(3)


@pytest.fixture
def it(place, tmp_path) -> Iterator[House]:
    with beside(place, tmp_path / "home") as made:
        yield made


def test_one_request_makes_a_service_spread_over_the_members(it, place):
    began = monotonic()
    with it.session() as session:
        session.call("POST", "/v1/clusters", WEB)
        url = it.settled("web")["load_balancer_url"]
        assert ask(url)["version"] == "1"
        took = monotonic() - began
        print(f"served {took:.1f} s after the request (promised: {PROMISED_S} s)")
        assert took < 4 * PROMISED_S  # the machine may have more to do
        made = instances(place)
        assert {each["location"] for each in made.values()} == {"m1", "m2", "m3"}
        answering = {""}
        until(lambda: answering.add(who_answers(url)) or len(answering) == 4, 180, "all answer")

        session.call("DELETE", "/v1/clusters/web")
        until(lambda: not instances(place), 180, "no instance is left")


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

        until(replaced, 180, "another instance runs in its place")
        new = (instances(place).keys() - before.keys()).pop()
        served = instance(place, new)["config"]["user.muster.server"]
        until(lambda: who_answers(url) == served, 180, "the new one serves")
        print(f"replaced and serving after {monotonic() - killed:.1f} s")


def test_an_update_and_other_sizes_fail_no_request_of_ten_thousand(it, place):
    """The update is to an image published from a snapshot of an instance that serves."""
    with it.session() as session:
        session.call("POST", "/v1/clusters", WEB)
        seen = it.settled("web")
        url = seen["load_balancer_url"]
        with Load(f"{url}/health") as load:
            load.more(SHARE)
            image = published(session, seen["instances"][0]["id"])
            change(session, seen, image="kept")
            until(lambda: images_of(place) == {image}, 180, "all are of the snapshot")
            it.settled("web", 120)
            updated = load.answered
            for size in (6, 3):
                change(session, seen, desired_size=size)
                until(lambda size=size: len(instances(place)) == size, 180, f"there are {size}")
                it.settled("web", 120)
            load.more(max(SHARE, REQUESTS - load.answered), 600)
        assert load.failed == []
        assert ask(url)["version"] == "1"
        print(f"updated under {updated}, resized under {load.answered - updated}; none failed")


def published(session: Session, instance: str) -> str:
    """Have an image be made of an instance, and return its id once it can be used."""
    session.call("POST", f"/v1/instances/{instance}/snapshot", {"name": "kept"})

    def usable() -> str:
        listed = session.call("GET", "/v1/images")["images"]
        found = [each for each in listed if each["name"] == "kept"]
        return str(found[0]["id"]) if found and found[0]["status"].lower() == "active" else ""

    return str(until(usable, 180, "the snapshot is published"))


def images_of(place: Place) -> set[str]:
    return {each["config"]["user.muster.image"] for each in instances(place).values()}


def test_real_load_brings_more_instances_and_its_end_takes_them_away(it, place):
    scaled = {"min_size": 1, "max_size": 3, "target": 0.5, "cooldown": 1, "scale_in_window": 5}
    with it.session() as session:
        session.call("POST", "/v1/clusters", {**WEB, **scaled})
        url = it.settled("web")["load_balancer_url"]
        with Load(f"{url}/", clients=2) as load:
            until(lambda: len(instances(place)) >= 2, 180, "more instances carry the load")
            it.settled("web", 90)
        assert load.failed == []
        until(lambda: len(instances(place)) == 1, 180, "nobody is left for nothing")
        assert ask(url)["version"] == "1"


def kill(place: Place, member: str, pid: int) -> None:
    """Kill a process by the pid that it has on its member."""
    first = machine.first_process(place, member)
    done = os.spawnlp(
        os.P_WAIT, "nsenter", "nsenter", "-t", str(first), "-p", "-m", "kill", "-9", str(pid)
    )
    assert done == 0, signal.SIGKILL

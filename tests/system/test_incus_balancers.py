"""HAProxy in an instance of the cluster's own network, on real Incus members."""

from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from drivers.incus.members import kill
from house import House, until
from incus_service import WEB, beside, change, instances
from muster.cli.container_image import Recipe, build
from muster.client.http import Session
from testbed.incus import machine, rest
from testbed.incus.bed import give_image
from testbed.incus.place import Place
from traffic import Load

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

FRONT = "front-"
SHARE = 300  # requests before and after something happens, at least
PROMISED_S = 30  # from a power cut until it is served again
_OPEN = build_opener(ProxyHandler({}))  # nobody stands between


@pytest.fixture
def place(incus_testbeds, tmp_path) -> Iterator[Place]:
    """Members that have an image for balancers, while this test runs."""
    place: Place = incus_testbeds(3)
    image = tmp_path / "haproxy.tar.gz"
    build(Recipe(name="haproxy", ssh=False, haproxy=True), image)
    there = set(images(place))
    give_image(place, image)
    yield place
    for where in set(images(place)) - there:
        rest.call(place.socket("m1"), "DELETE", where)


@pytest.fixture
def it(place: Place, tmp_path: Path) -> Iterator[House]:
    with beside(place, tmp_path / "home", 'balancer = "instance"') as made:
        yield made


def images(place: Place) -> list[str]:
    found: list[str] = rest.call(place.socket("m1"), "GET", "/1.0/images")
    return found


def fronts(place: Place) -> dict[str, Any]:
    return {name: each for name, each in instances(place).items() if name.startswith(FRONT)}


def webs(place: Place) -> int:
    return len(instances(place)) - len(fronts(place))


def answers(url: str) -> bool:
    try:
        with _OPEN.open(Request(url, headers={"Connection": "close"}), timeout=2) as said:
            return bool(said.status == 200)
    except (OSError, HTTPException):
        return False


def made(it: House, session: Session, **more: object) -> str:
    began = monotonic()
    session.call("POST", "/v1/clusters", {**WEB, **more})
    url: str = it.settled("web")["load_balancer_url"]
    until(lambda: answers(f"{url}/health"), 180, "HAProxy in its instance answers")
    print(f"served from an instance {monotonic() - began:.1f} s after the request")
    return url


def test_a_cluster_is_balanced_by_an_instance_through_scaling_and_a_new_front_and_gone(it, place):
    with it.session() as session:
        url = made(it, session)
        [(name, front)] = fronts(place).items()
        assert front["config"]["user.muster.balances"]
        assert not it.caddies()  # nothing balances on the control host
        with Load(f"{url}/health", clients=2) as load:
            load.more(SHARE)
            for size in (5, 3):
                change(session, it.details(session, "web"), desired_size=size)
                it.settled("web")
                until(lambda size=size: webs(place) == size, 180, f"{size} instances")
                load.more(SHARE)
        print(f"scaled out and in under {load.answered} requests: {len(load.failed)} failed")
        assert not load.failed, load.failed[:3]
        assert list(fronts(place)) == [name]
        session.call("DELETE", "/v1/clusters/web")
        until(lambda: not instances(place), 180, "neither instances nor their balancer are left")


def test_a_killed_balancer_is_back_at_the_same_address(it, place):
    with it.session() as session:
        url = made(it, session)
        [(name, front)] = fronts(place).items()
        state = rest.call(place.socket("m1"), "GET", f"/1.0/instances/{name}/state")
        kill(place, front["location"], state["pid"])
        killed = monotonic()
        until(lambda: answers(f"{url}/health"), 180, "it serves again where it was")
        print(f"a killed balancer serves again after {monotonic() - killed:.1f} s")
        assert it.settled("web")["load_balancer_url"] == url


def test_a_balancer_whose_host_loses_power_is_elsewhere_at_its_address_and_never_two(it, place):
    with it.session() as session:
        session.call("POST", "/v1/clusters", {**WEB, "name": "aside", "min_size": 1})
        it.settled("aside")
        [first] = fronts(place)  # on the member that Muster was told of, which is to stay
        url = made(it, session)
        [(name, front)] = [each for each in fronts(place).items() if each[0] != first]
        other = fronts(place)[first]["location"]
        assert front["location"] != other
        machine.crash(place, front["location"])
        began = monotonic()
        try:
            until(lambda: answers(f"{url}/health"), 180, "it is served at the same address")
            took = monotonic() - began
            print(
                f"after a power cut it is served again in {took:.1f} s (promised: {PROMISED_S} s)"
            )
            assert took < 4 * PROMISED_S  # the machine may have more to do
        finally:
            machine.boot(place, front["location"])

        def one_is_left() -> bool:
            listed = rest.call(place.socket(other), "GET", "/1.0/instances?recursion=1")
            left = [each["name"] for each in listed if each["name"].startswith(FRONT)]
            return len(left) == 2 and first in left and name not in left

        until(one_is_left, 180, "the balancer that was lost is removed")
        until(lambda: answers(f"{url}/health"), 180, "it serves on")

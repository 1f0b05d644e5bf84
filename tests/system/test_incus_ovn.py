"""A cluster on a real OVN network of Incus: hidden, asked through a forward, balanced by OVN."""

from collections.abc import Iterator
from time import monotonic
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from drivers.incus.members import kill
from house import House, until
from incus_service import WEB, beside, change, instances
from muster.client.http import ApiError, Session
from testbed.incus import ovn, rest
from testbed.incus.bed import lent
from testbed.incus.place import Place, lacking
from traffic import Load

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

BACK = {"name": "back", "type": "ovn", "cidr": "10.90.0.1/24", "cloud": "site"}
ON_BACK = {**WEB, "backend_network": "back", "min_size": 2, "drain_seconds": 3}
SHARE = 200  # requests before and after something happens, at least
_OPEN = build_opener(ProxyHandler({}))  # nobody stands between


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    if why := lacking() or ovn.lacking():
        pytest.skip(why)
    with lent(2, with_ovn=True) as made:
        yield made


@pytest.fixture
def it(place, tmp_path) -> Iterator[House]:
    with beside(place, tmp_path / "home") as made:
        yield made


def listed(place: Place, what: str) -> list[dict[str, Any]]:
    """Return the load balancers or forwards of the network."""
    where = f"/1.0/networks/back/{what}?recursion=1"
    found: list[dict[str, Any]] = rest.call(place.socket("m1"), "GET", where)
    return found


def answers(url: str) -> bool:
    try:
        with _OPEN.open(Request(url, headers={"Connection": "close"}), timeout=5) as said:
            return bool(said.status == 200)
    except OSError:
        return False


def refusal(session: Session, **but: object) -> str:
    with pytest.raises(ApiError) as caught:
        session.call("POST", "/v1/clusters", {**ON_BACK, **but})
    return str(caught.value)


def test_a_cluster_on_an_ovn_network_is_made_served_scaled_healed_and_gone(it, place):
    with it.session() as session:
        made = session.call("POST", "/v1/networks", BACK)["network"]
        assert (made["type"], made["uplink"], made["hidden"]) == ("ovn", ovn.UPLINK, True)
        assert "ends no TLS" in refusal(session, protocol="https")
        assert "counts no requests" in refusal(session, metric="requests", target=5)

        began = monotonic()
        session.call("POST", "/v1/clusters", ON_BACK)
        url = it.settled("web")["load_balancer_url"]
        until(lambda: answers(url), 30, "OVN's load balancer passes requests on")
        print(f"a cluster on OVN answers {monotonic() - began:.1f} s after the request")
        [balancer] = listed(place, "load-balancers")
        assert balancer["listen_address"] in url
        [forward] = listed(place, "forwards")
        assert len(forward["ports"]) == len(balancer["backends"]) == 2

        _scaled_and_healed(it, session, place, url)

        session.call("DELETE", "/v1/clusters/web")
        until(lambda: not instances(place), 60, "no instance is left")
        until(lambda: not listed(place, "load-balancers"), 30, "no load balancer is left")
        until(lambda: not listed(place, "forwards"), 30, "no forward is left")
        until(lambda: not session.call("GET", "/v1/clusters")["clusters"], 30, "it is gone")
        session.call("DELETE", "/v1/networks/back", query={"cloud": "site"})
    networks = rest.call(place.socket("m1"), "GET", "/1.0/networks")
    assert "/1.0/networks/back" not in networks


def _scaled_and_healed(it: House, session: Session, place: Place, url: str) -> None:
    with Load(url, clients=2) as load:
        load.more(SHARE)
        for size in (3, 2):
            change(session, it.details(session, "web"), desired_size=size)
            it.settled("web")
            until(lambda size=size: len(instances(place)) == size, 60, f"{size} instances")
            load.more(SHARE)
    print(f"scaled out and in under {load.answered} requests: {len(load.failed)} failed")
    assert len(load.failed) * 100 <= load.answered, load.failed[:3]

    before = instances(place)
    name, victim = next(iter(before.items()))
    state = rest.call(place.socket("m1"), "GET", f"/1.0/instances/{name}/state")
    kill(place, victim["location"], state["pid"])
    killed = monotonic()
    until(lambda: name not in instances(place), 60, "the dead one is gone")
    it.settled("web")
    until(lambda: answers(url), 30, "it serves")
    print(f"a killed container on OVN was replaced {monotonic() - killed:.1f} s later")

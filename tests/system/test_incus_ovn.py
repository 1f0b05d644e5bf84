"""A cluster on a real OVN network of Incus: hidden, asked through a forward, balanced by OVN."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from time import monotonic
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from drivers.incus.members import kill
from house import House, until
from incus_service import WEB, ask, beside, change, instances, statuses, whereabouts
from muster.client.http import ApiError, Session
from testbed.incus import machine, ovn, rest
from testbed.incus.bed import await_whole, lent
from testbed.incus.place import Place, lacking
from traffic import Load

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

BACK = {"name": "back", "type": "ovn", "cidr": "10.90.0.1/24", "cloud": "site"}
ON_BACK = {**WEB, "backend_network": "back", "min_size": 2, "drain_seconds": 3}
PROMISED_S = 30  # from a power cut until what was there is served elsewhere
PEER = "is down"  # what Incus says to any change while a member is away
SHARE = 200  # requests before and after something happens, at least
# A switch in user space may end itself (see member_ovn.sh), and is away for a moment then.
MAY_FAIL = 0.05
SWEPT_EVERY_S = 5
_OPEN = build_opener(ProxyHandler({}))  # nobody stands between


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    if why := lacking() or ovn.lacking():
        pytest.skip(why)
    with lent(3, with_ovn=True) as made:
        yield made


@pytest.fixture
def it(place, tmp_path) -> Iterator[House]:
    await_whole(place)
    with beside(place, tmp_path / "home", MUSTER_SWEEP_EVERY_S=str(SWEPT_EVERY_S)) as made:
        yield made
    await_whole(place)
    if "/1.0/networks/back" in rest.call(place.socket("m1"), "GET", "/1.0/networks"):
        rest.call(place.socket("m1"), "DELETE", "/1.0/networks/back")  # of a test that failed


def listed(place: Place, what: str) -> list[dict[str, Any]]:
    """Return the load balancers or forwards of the network."""
    where = f"/1.0/networks/back/{what}?recursion=1"
    found: list[dict[str, Any]] = rest.call(place.socket("m1"), "GET", where)
    return found


def forget_network(place: Place, session: Session) -> None:
    """Have the network go, and with it every member's uplink, while all of them are there."""
    await_whole(place)
    session.call("DELETE", "/v1/networks/back", query={"cloud": "site"})


def answers(url: str) -> bool:
    try:
        with _OPEN.open(Request(url, headers={"Connection": "close"}), timeout=15) as said:
            return bool(said.status == 200)
    except (OSError, HTTPException):
        return False


def refusal(session: Session, **but: object) -> str:
    with pytest.raises(ApiError) as caught:
        session.call("POST", "/v1/clusters", {**ON_BACK, **but})
    return str(caught.value)


def test_a_members_switch_that_ends_itself_is_started_again(place):
    await_whole(place)
    pid = machine.first_process(place, "m2")
    within = ["nsenter", "-t", str(pid), "-a", "bash", "-c"]

    def told(command: str) -> str:
        return subprocess.run([*within, command], capture_output=True, text=True).stdout.strip()

    which = "cat /run/openvswitch/vswitchd.pid"
    before = told(which)
    assert before
    told(f"kill -ABRT {before}")
    until(lambda: told(which) not in ("", before), 60, "there is another switch")
    until(lambda: "10.78.0.12" in told("ip -4 address show br-phy"), 60, "its tunnels have an end")


def test_a_cluster_on_an_ovn_network_is_made_served_scaled_healed_and_gone(it, place):
    with it.session() as session:
        made = session.call("POST", "/v1/networks", BACK)["network"]
        assert (made["type"], made["uplink"], made["hidden"]) == ("ovn", ovn.UPLINK, True)
        assert "ends no TLS" in refusal(session, protocol="https")
        assert "counts no requests" in refusal(session, metric="requests", target=5)

        began = monotonic()
        session.call("POST", "/v1/clusters", ON_BACK)
        url = it.settled("web")["load_balancer_url"]
        until(lambda: answers(url), 180, "OVN's load balancer passes requests on")
        print(f"a cluster on OVN answers {monotonic() - began:.1f} s after the request")
        until(lambda: has_ways(place), 180, lambda: f"there is a way to each: {ways(place)}")
        [balancer] = listed(place, "load-balancers")
        assert balancer["listen_address"] in url
        [forward] = listed(place, "forwards")
        assert len(forward["ports"]) == len(balancer["backends"]) == 2

        _scaled_and_healed(it, session, place, url)
        _deleted_by_others(it, place)

        session.call("DELETE", "/v1/clusters/web")
        until(lambda: not instances(place), 180, "no instance is left")
        until(lambda: not listed(place, "load-balancers"), 180, "no load balancer is left")
        until(lambda: not listed(place, "forwards"), 180, "no forward is left")
        until(lambda: not session.call("GET", "/v1/clusters")["clusters"], 180, "it is gone")
        forget_network(place, session)
    networks = rest.call(place.socket("m1"), "GET", "/1.0/networks")
    assert "/1.0/networks/back" not in networks


def test_after_a_power_cut_it_is_served_elsewhere_though_incus_changes_nothing(it, place):
    with it.session() as session:
        session.call("POST", "/v1/networks", BACK)
        session.call("POST", "/v1/clusters", {**ON_BACK, "min_size": 4})
        url = it.settled("web")["load_balancer_url"]
        before = whereabouts(place)
        gone = {name for name, where in before.items() if where == "m3"}
        assert gone
        with Load(url, clients=2) as load:
            load.more(SHARE)
            machine.crash(place, "m3")
            began = monotonic()
            try:
                until(lambda: _new(place, before) and len(_heard(url)) == 4, 180, "all serve")
                took = monotonic() - began
                lost = len(load.failed)
                load.more(SHARE)
                late = len(load.failed) - lost
                _somebody_tries_a_change(place)
                until(lambda: len(_heard(url)) == 4, 180, lambda: _told(place, url))
            finally:
                machine.boot(place, "m3")
        told = f"{lost} of {load.answered} requests failed, then {late}"
        print(f"on OVN served elsewhere after {took:.1f} s (promised: {PROMISED_S} s); {told}")
        assert took <= 4 * PROMISED_S  # the machine may have more to do
        assert late <= MAY_FAIL * SHARE
        until(lambda: not gone & instances(place).keys(), 180, "those left behind go")
        until(lambda: statuses(session) == {"ACTIVE"}, 180, "all is well again")
        until(lambda: not past_incus(place), 180, "Incus knows all that OVN does")
        [balancer] = listed(place, "load-balancers")
        [forward] = listed(place, "forwards")
        addresses = {each["target_address"] for each in balancer["backends"]}
        assert addresses == {each["target_address"] for each in forward["ports"]}
        assert len(addresses) == len(instances(place)) == 4
        until(lambda: len(_heard(url)) == 4, 180, "all four are heard of")
        session.call("DELETE", "/v1/clusters/web")
        until(lambda: not session.call("GET", "/v1/clusters")["clusters"], 180, "it is gone")
        until(lambda: not listed(place, "load-balancers"), 180, "no load balancer is left")
        until(lambda: not listed(place, "forwards"), 180, "no forward is left")
        forget_network(place, session)


def test_while_a_daemon_is_stopped_a_cluster_on_ovn_is_scaled(it, place):
    with it.session() as session:
        session.call("POST", "/v1/networks", BACK)
        session.call("POST", "/v1/clusters", ON_BACK)
        url = it.settled("web")["load_balancer_url"]
        with Load(url, clients=2) as load:
            machine.end_daemon(place, "m3", signal.SIGTERM)
            began = monotonic()
            try:
                change(session, it.details(session, "web"), desired_size=4)
                until(lambda: len(_heard(url)) == 4, 180, "the new ones serve as well")
                print(f"scaled out on OVN {monotonic() - began:.1f} s after a daemon's end")
                assert past_incus(place)
            finally:
                machine.start(place, "m3")
            until(lambda: not past_incus(place), 180, "Incus knows all that OVN does")
            until(lambda: len(_heard(url)) == 4, 180, "all four are heard of")
        assert len(load.failed) <= MAY_FAIL * load.answered, load.failed[:3]
        [balancer] = listed(place, "load-balancers")
        assert len(balancer["backends"]) == 4
        session.call("DELETE", "/v1/clusters/web")
        until(lambda: not session.call("GET", "/v1/clusters")["clusters"], 180, "it is gone")
        forget_network(place, session)


def _new(place: Place, before: dict[str, str]) -> bool:
    """Return whether as many run elsewhere as are on the member that is away."""
    made = instances(place)
    new = [each for name, each in made.items() if name not in before]
    gone = [name for name, where in before.items() if where == "m3"]
    return len(new) == len(gone) and all(each["status"] == "Running" for each in new)


def _heard(url: str) -> set[str]:
    """Return the instances that answer some requests; nobody who is gone may be asked."""
    with suppress(OSError, HTTPException):
        return {str(ask(url)["instance"]) for _ in range(30)}
    return set()


def _told(place: Place, url: str) -> str:
    """Return what OVN and its switches say, for whoever looks for the reason."""
    rows = _northbound(place, "list", "Load_Balancer")
    logs = sorted((place.base / "ovn").glob("*.vswitchd.log"))
    ends = [f"{each.name}: {each.read_text()[-300:]}" for each in logs]
    return f"all serve though Incus has tried; answers {answers(url)}; {rows}; {ends}"


def _somebody_tries_a_change(place: Place) -> None:
    """Incus takes it back, and with it what it does not know."""
    [known] = listed(place, "load-balancers")
    where = f"/1.0/networks/back/load-balancers/{known['listen_address']}"
    parts = {each: known[each] for each in ("config", "backends", "ports")}
    with pytest.raises(RuntimeError, match=PEER):
        rest.call(place.socket("m1"), "PUT", where, {**parts, "description": "other"})


def past_incus(place: Place) -> str:
    """Return the marks of Muster in OVN's northbound database."""
    return _northbound(place, "--bare", "--columns=external_ids", "list", "Load_Balancer")


def _northbound(place: Place, *words: str) -> str:
    command = ["ovn-nbctl", f"--db=unix:{place.base}/ovn/nb.sock", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _scaled_and_healed(it: House, session: Session, place: Place, url: str) -> None:
    with Load(url, clients=2) as load:
        load.more(SHARE)
        for size in (3, 2):
            change(session, it.details(session, "web"), desired_size=size)
            it.settled("web")
            until(lambda size=size: len(instances(place)) == size, 180, f"{size} instances")
            load.more(SHARE)
    print(f"scaled out and in under {load.answered} requests: {len(load.failed)} failed")
    assert len(load.failed) <= MAY_FAIL * load.answered, load.failed[:3]

    before = instances(place)
    name, victim = next(iter(before.items()))
    state = rest.call(place.socket("m1"), "GET", f"/1.0/instances/{name}/state")
    kill(place, victim["location"], state["pid"])
    killed = monotonic()
    until(lambda: name not in instances(place), 180, "the dead one is gone")
    it.settled("web")
    until(lambda: answers(url), 180, "it serves")
    print(f"a killed container on OVN was replaced {monotonic() - killed:.1f} s later")


def _deleted_by_others(it: House, place: Place) -> None:
    """The way to an instance that was deleted while Muster was away is closed by a sweep."""
    until(lambda: has_ways(place), 180, lambda: f"there is a way to each: {ways(place)}")
    it.kill()
    name, gone = next(iter(instances(place).items()))
    assert gone["config"]["user.muster.server"] in ways(place)
    where = f"/1.0/instances/{name}"
    rest.call(place.socket("m1"), "PUT", f"{where}/state", {"action": "stop", "force": True})
    rest.call(place.socket("m1"), "DELETE", where)
    it.start()
    began = monotonic()

    def closed() -> bool:
        return name not in instances(place) and has_ways(place)

    until(closed, 180, lambda: f"there is a way to each: {ways(place)}")
    it.settled("web")
    print(f"a way to an instance that others deleted was closed {monotonic() - began:.1f} s later")


def has_ways(place: Place) -> bool:
    """Whether there are two instances, and a way to each of them and to nobody else."""
    made = [each["config"]["user.muster.server"] for each in instances(place).values()]
    return len(made) == 2 and ways(place) == sorted(made)


def ways(place: Place) -> list[str]:
    """Return the servers that ways lead to."""
    return sorted(
        port["description"] for each in listed(place, "forwards") for port in each["ports"]
    )

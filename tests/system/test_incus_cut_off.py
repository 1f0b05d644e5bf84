"""Muster is killed in the middle of what it is at on real Incus members, and ends it once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from house import Cut, House, later, until
from incus_service import beside, instance
from muster.client.http import Session
from testbed.incus import rest
from testbed.incus.place import Place

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

SPEC: dict[str, Any] = {
    "type": "os.nova.server",
    "version": "1.0",
    "properties": {
        "image": "demo-web",
        "flavor": "tiny",
        "networks": [{"network": "fab"}],
        "context": {"region_name": "site"},
    },
}
PUBLISHING = "Downloading image"  # as Incus calls it; members have other things to do with images
LEAVES = "user.muster.leaves"  # what an instance says while it is moved
TRIES = 10  # for the middle is over in a moment
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


@pytest.fixture
def place(incus_testbeds) -> Place:
    return incus_testbeds(3)


@pytest.fixture
def it(place: Place, tmp_path) -> Iterator[House]:
    """A house with one node that no cluster has."""
    with beside(place, tmp_path / "home") as made:
        with made.session() as session:
            session.call("POST", "/v1/profiles", {"profile": {"name": "small", "spec": SPEC}})
            session.call("POST", "/v1/nodes", {"node": {"name": "alone", "profile_id": "small"}})
            until(lambda: node(made)["status"] == "ACTIVE", 180, "the node is there")
        yield made
        with made.session() as session:
            session.call("DELETE", "/v1/nodes/alone")


def node(it: House, name: str = "alone") -> dict[str, Any]:
    with it.session() as session:
        found: dict[str, Any] = session.call("GET", f"/v1/nodes/{name}")["node"]
        return found


@pytest.mark.parametrize("moved", [False, True], ids=["stopped", "moved and not started"])
def test_an_evacuation_that_is_cut_off_is_carried_out_once(it, place, moved):
    ref = node(it)["physical_id"]
    left = caught_moving(it, place, ref, moved)
    it.kill()
    stood = instance(place, ref)
    it.start()
    seen = [stood["location"]]

    def over() -> bool:
        said = instance(place, ref)
        if said["location"] != seen[-1]:
            seen.append(said["location"])
        return said["status"] == "Running" and said["location"] != left

    until(over, 180, "it runs elsewhere")
    until(lambda: ended(it), 180, "the action is over")
    assert ended(it) == {"SUCCEEDED"}
    assert len(set(seen)) == len(seen), f"it moved back and forth: {seen}"
    assert not instance(place, ref)["config"].get(LEAVES)
    assert instance(place, ref)["status"] == "Running"
    print(f"killed while it was {stood['status']} on {stood['location']}, ended on {seen[-1]}")


def caught_moving(it: House, place: Place, ref: str, moved: bool) -> str:
    """Have the node evacuated until it is caught halfway; return which member it has left."""
    for _ in range(TRIES):
        left = str(instance(place, ref)["location"])
        with it.session() as session:
            session.call("POST", "/v1/nodes/alone/ops", {"evacuate": {}})

        def seen(left: str = left) -> str:
            said = instance(place, ref)
            elsewhere = said["location"] != left
            if said["status"] == "Stopped" and elsewhere is moved:
                return "halfway"
            return "over" if elsewhere and said["status"] == "Running" and ended(it) else ""

        if until(seen, 180, "it is in the middle of it", every_s=0.005) == "halfway":
            return left
    raise AssertionError(f"it was never seen halfway in {TRIES} evacuations")


def ended(it: House) -> set[str]:
    """Return how the actions of the node have ended, nothing while one is under way."""
    with it.session() as session:
        rows = session.call("GET", "/v1/actions")["actions"]
    found = {each["status"] for each in rows}
    return found if found <= set(ENDED) else set()


def test_an_image_that_is_published_while_muster_is_killed_can_be_used(it, place):
    ref = node(it)["physical_id"]

    def asked() -> None:
        with it.session() as session:
            try:
                session.call("POST", "/v1/instances/alone/snapshot", {"name": "kept"})
            except Cut:
                return

    asking = later(0, asked)
    until(lambda: publishing(place), 180, "Incus is at it", every_s=0.005)
    it.kill()
    asking.join()
    [left] = rest.call(place.socket("m1"), "GET", f"/1.0/instances/{ref}/snapshots?recursion=1")
    assert left["expires_at"] < (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    it.start()
    with it.session() as session:
        image = until(lambda: listed(session), 180, "Incus ends by itself what it was at")
        properties = {**SPEC["properties"], "image": image}
        profile = {"name": "again", "spec": {**SPEC, "properties": properties}}
        session.call("POST", "/v1/profiles", {"profile": profile})
        session.call("POST", "/v1/nodes", {"node": {"name": "copy", "profile_id": "again"}})
        until(lambda: node(it, "copy")["status"] == "ACTIVE", 180, lambda: node(it, "copy"))
        session.call("DELETE", "/v1/nodes/copy")
        session.call("DELETE", f"/v1/images/{image}")


def publishing(place: Place) -> bool:
    """Whether a member makes an image just now."""
    said = rest.call(place.socket("m1"), "GET", "/1.0/operations?recursion=1")
    return any(each["description"] == PUBLISHING for each in said.get("running") or ())


def listed(session: Session) -> str:
    """Return the image that was made of the node, "" while there is none."""
    images = session.call("GET", "/v1/images")["images"]
    return next((str(each["id"]) for each in images if each["name"] == "kept"), "")

"""Placement on real Incus members: by policies, without a zone, on the way out, and evened out."""

from collections.abc import Iterator
from typing import Any

import pytest

from cli.terminal import terminal
from house import House, until
from incus_disks import called_so, note, volumes, written_through
from incus_service import beside, instance, instances
from muster.client.http import Session
from testbed.incus import rest
from testbed.incus.place import Place
from vclusters import body, rule, server, volume

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

PROPERTIES = {
    "image": "demo-web",
    "flavor": "tiny",
    "networks": [{"network": "fab"}],
    "context": {"region_name": "site"},
}
SPEC = {"type": "os.nova.server", "version": "1.0", "properties": PROPERTIES}
PLAN = "/v1/clouds/site/rebalance"
MEMBERS = {"m1", "m2", "m3"}


@pytest.fixture
def place(incus_testbeds) -> Place:
    return incus_testbeds(3)


@pytest.fixture
def it(place: Place, tmp_path) -> Iterator[House]:
    with beside(place, tmp_path / "home") as made:
        yield made
        with made.session() as session:
            for each in session.call("GET", "/v1/nodes")["nodes"]:
                if not each["cluster_id"]:
                    session.call("DELETE", f"/v1/nodes/{each['id']}")


class Ann:
    """Somebody who speaks the clustering API, and sees on which member things are."""

    def __init__(self, session: Session, place: Place) -> None:
        self._session, self._place = session, place
        self.call = session.call

    def ended(self, method: str, path: str, said: object) -> None:
        """Ask for an action, and see it end well."""
        before = {each["id"] for each in self._actions()}
        self.call(method, path, said)
        until(lambda: self._over(before), 180, f"{method} {path} is over")

    def _actions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "/v1/actions")["actions"]
        return found

    def _over(self, before: set[str]) -> bool:
        new = [each for each in self._actions() if each["id"] not in before]
        assert not [each for each in new if each["status"] == "FAILED"], new
        return bool(new) and all(each["status"] == "SUCCEEDED" for each in new)

    def cluster(self, name: str, count: int, type: str, **properties: Any) -> None:
        """Have a cluster that grows once its policy is at work."""
        spec = {"type": f"senlin.policy.{type}", "version": "1.0", "properties": properties}
        self.call("POST", "/v1/policies", {"policy": {"name": name, "spec": spec}})
        empty = {"name": name, "profile_id": "small", "desired_capacity": 0}
        self.ended("POST", "/v1/clusters", {"cluster": empty})
        attach = {"policy_attach": {"policy_id": name}}
        self.ended("POST", f"/v1/clusters/{name}/actions", attach)
        grow = {"scale_out": {"count": count}}
        self.ended("POST", f"/v1/clusters/{name}/actions", grow)

    def hosts(self, name: str) -> dict[str, str]:
        """Return node -> member, as Incus tells it."""
        nodes = self.call("GET", f"/v1/nodes?cluster_id={name}")["nodes"]
        return {
            each["id"]: instance(self._place, each["physical_id"])["location"] for each in nodes
        }

    def moved(self, node: str, **params: object) -> None:
        self.ended("POST", f"/v1/nodes/{node}/ops", {"evacuate": params})

    def proposed(self, node: str) -> list[dict[str, Any]]:
        """Return what is proposed to be moved, once this node is."""
        found: list[dict[str, Any]] = self.call("GET", PLAN)["rebalance"]["transfers"]
        return found if any(each["node_id"] == node for each in found) else []

    def in_order(self, *names: str) -> bool:
        nodes = self.call("GET", "/v1/nodes")["nodes"]
        shown = [self.call("GET", f"/v1/clusters/{name}")["cluster"] for name in names]
        return {each["status"] for each in (*nodes, *shown)} == {"ACTIVE"}


def test_nodes_are_where_their_rules_want_them_and_nothing_moves_twice(
    it: House, place: Place
) -> None:
    with it.session() as session:
        ann = Ann(session, place)
        ann.call("POST", "/v1/profiles", {"profile": {"name": "small", "spec": SPEC}})
        ann.cluster("apart", 2, "affinity", servergroup={"policies": "anti-affinity"})
        ann.cluster("zoned", 2, "zone_placement", zones=[{"name": "z1"}, {"name": "z2"}])
        apart, zoned = ann.hosts("apart"), ann.hosts("zoned")
        assert len(set(apart.values())) == 2
        assert sorted(zoned.values()) == ["m1", "m2"]

        ann.ended("POST", "/v1/nodes", {"node": {"name": "alone", "profile_id": "small"}})
        load = {each: [*apart.values(), *zoned.values()].count(each) for each in MEMBERS}
        alone = ann.call("GET", "/v1/nodes/alone")["node"]
        where = instance(place, alone["physical_id"])["location"]
        assert load[where] == min(load.values())

        leaver, left = next(iter(apart.items()))
        ann.moved(leaver)
        after = ann.hosts("apart")
        assert set(after.values()) == MEMBERS - {left}

        strayed = next(id for id, host in zoned.items() if host == "m2")
        ann.moved(strayed, host="m3", force=True)
        said = until(lambda: ann.proposed(strayed), 180, "it is proposed to move back")
        assert [e["target"] for e in said if e["node_id"] == strayed] == ["m2"]
        for each in said:
            ann.moved(each["node_id"], host=each["target"])
        until(lambda: ann.in_order("zoned", "apart"), 180, "all is in order again")
        found = ann.call("GET", PLAN)["rebalance"]
        assert (found["transfers"], found["unsolved"]) == ([], [])
        assert sorted(ann.hosts("zoned").values()) == ["m1", "m2"]


def test_a_volume_lies_in_the_second_pool_where_its_server_is(it: House, place: Place) -> None:
    first = place.socket("m1")
    fast = {"name": "fast", "driver": "dir"}
    for member in place.members():
        rest.call(first, "POST", f"/1.0/storage-pools?target={member}", fast)
    rest.call(first, "POST", "/1.0/storage-pools", fast)
    said = body(
        [server("db"), volume("db-vol", 1, volume_type="fast"), volume("log", 1, attach_to="db")],
        [rule("affinity", "db", "db-vol", "log")],
        name="two-pools",
        cloud="site",
    )
    where = "/v2/default/vclusters"
    with it.session() as session:
        session.call("POST", where, said)
        shown = until(lambda: _whole(session, f"{where}/two-pools"), 180, "it is there")
        [host] = {each["host"] for each in shown["instances"]}
        for pool, name in (("fast", "db-vol"), ("default", "log")):
            listed = rest.call(
                first, "GET", f"/1.0/storage-pools/{pool}/volumes/custom?recursion=1"
            )
            found = {each["config"]["user.muster.name"]: each for each in listed}
            assert set(found) == {f"two-pools-{name}"}
            assert found[f"two-pools-{name}"]["location"] == host
            assert found[f"two-pools-{name}"]["used_by"]
        session.call("DELETE", f"{where}/two-pools")
        until(lambda: not session.call("GET", where)["vclusters"], 180, "nothing is left")
    rest.call(first, "DELETE", "/1.0/storage-pools/fast")


def test_a_rebalancing_takes_a_group_with_its_volume_to_another_member(
    it: House, place: Place
) -> None:
    """What its server wrote is on the volume there; and nothing more is proposed after that."""
    said = body(
        [server("db"), volume("db-vol", 1), server("web")],
        [rule("affinity", "db", "db-vol"), rule("anti-affinity", "db", "web")],
        name="leaving",
        cloud="site",
    )
    where, typed = "/v2/default/vclusters", terminal(it)
    with it.session() as session:
        session.call("POST", where, said)
        before = until(lambda: _whole(session, f"{where}/leaving"), 180, "it is there")
        at = {each["name"]: each["host"] for each in before["instances"]}
        written_through(place, "leaving-db", volumes(place)["leaving-db-vol"])
        leave = ("rebalance", "--cloud", "site", "--away", at["db"])
        [move] = typed.asked(*leave, "--plan")["transfers"]
        assert move["instances"] == ["db", "db-vol"]
        assert move["target"] not in at.values()
        assert "Moved 1: leaving/db." in typed.good(*leave, "--yes")
        made, lies = instances(place), volumes(place)["leaving-db-vol"]
        assert called_so(made, "leaving-db")["location"] == lies["location"] == move["target"]
        assert called_so(made, "leaving-web")["location"] == at["web"]
        assert note(place, lies) == "kept\n"
        written_through(place, "leaving-db", lies)
        again = typed.asked(*leave, "--plan")
        assert (again["transfers"], again["unsolved"]) == ([], [])
        session.call("DELETE", f"{where}/leaving")
        until(lambda: not session.call("GET", where)["vclusters"], 180, "nothing is left")


def _whole(session: Session, where: str) -> dict[str, Any] | None:
    found: dict[str, Any] = session.call("GET", where)["vcluster"]
    assert found["status"] in ("CREATING", "ACTIVE"), found
    return found if found["status"] == "ACTIVE" else None

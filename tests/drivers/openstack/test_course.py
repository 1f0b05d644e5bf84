"""One change after the other brings a load balancer to what it is to be, from wherever it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from muster.drivers.openstack.octavia.course import Change, Whole, leading, next_change
from muster.drivers.openstack.octavia.refusal import refused
from muster.drivers.openstack.octavia.shape import FRONT, Parts, member, parts
from muster.model.pool import (
    Front,
    MemberState,
    MemberWanted,
    Monitor,
    MonitorKind,
    Persistence,
    Traffic,
    digest,
)

INSTALLATION = UUID(int=1)
PLAIN = Front(cluster_id=UUID(int=2), name="web", project="demo", port=80)
NONE = Monitor(kind=MonitorKind.NONE)
FRONTS = {
    "plain": PLAIN,
    "another port": replace(PLAIN, port=81),
    "tcp": replace(PLAIN, traffic=Traffic.TCP, persistence=Persistence.SOURCE_IP),
    "tcp at another port": replace(PLAIN, traffic=Traffic.TCP, port=81),
    "no monitor": replace(PLAIN, monitor=NONE),
    "ping": replace(PLAIN, monitor=Monitor(kind=MonitorKind.PING)),
    "cookies": replace(PLAIN, persistence=Persistence.APP_COOKIE, cookie="who", connections=9),
}


def wanted(front: Front = PLAIN, *weights: int) -> Parts:
    members = [
        member(
            MemberWanted(
                node_id=UUID(int=100 + n),
                address=f"10.0.0.{n}",
                port=8080,
                state=MemberState.SERVE if weight else MemberState.DRAIN,
            ),
            "",
        )
        for n, weight in enumerate(weights)
    ]
    return parts(front, members, INSTALLATION)


@dataclass
class Written:
    """An Octavia that is written down: it does what it is asked, and refuses what Octavia does."""

    listeners: dict[str, dict[str, Any]] = field(default_factory=dict)
    pools: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[Change] = field(default_factory=list)
    numbers: Any = field(default_factory=count)

    def whole(self) -> Whole:
        pool = leading(tuple(self.listeners.values()), tuple(self.pools.values()))
        return Whole(
            balancer={"id": "lb"},
            listeners=tuple(self.listeners.values()),
            pools=tuple(self.pools.values()),
            monitor=pool["monitor"] if pool else None,
            members=tuple(pool["members"]) if pool else (),
        )

    def do(self, change: Change) -> None:
        self.asked.append(change)
        _, kind, *rest = change.path.split("/")
        body = next(iter(change.body.values())) if change.body else {}
        if kind == "healthmonitors":
            self._monitor(change.method, body)
        elif rest[1:]:
            self.pools[rest[0]]["members"] = body
        elif change.method == "DELETE":
            del (self.listeners if kind == "listeners" else self.pools)[rest[0]]
        elif change.method == "PUT":
            (self.listeners if kind == "listeners" else self.pools)[rest[0]].update(body)
        else:
            self._make(kind, body)

    def _make(self, kind: str, body: Mapping[str, Any]) -> None:
        made = {**body, "id": f"{kind}-{next(self.numbers)}", "created_at": "2026"}
        if kind == "pools":
            self.pools[made["id"]] = {**made, "monitor": None, "members": []}
            return
        taken = {each["protocol_port"] for each in self.listeners.values()}
        assert body["protocol_port"] not in taken, "another listener has the port"
        self.listeners[made["id"]] = made

    def _monitor(self, method: str, body: Mapping[str, Any]) -> None:
        pool = leading(tuple(self.listeners.values()), tuple(self.pools.values()))
        assert isinstance(pool, dict)
        there = pool["monitor"] or {"id": "monitor"}
        assert "type" not in body or "type" not in there, "there is one already"
        pool["monitor"] = None if method == "DELETE" else {**there, **body}

    def bring(self, then: Parts) -> list[Change]:
        """Change until nothing is left to be changed, and return the changes."""
        before = len(self.asked)
        for _ in range(12):
            change = next_change(self.whole(), then)
            if change is None:
                return self.asked[before:]
            self.do(change)
        raise AssertionError([each.path for each in self.asked])


@pytest.mark.parametrize("after", FRONTS)
@pytest.mark.parametrize("before", FRONTS)
def test_any_front_becomes_any_other_and_stays_so(before: str, after: str) -> None:
    cloud = Written()
    cloud.bring(wanted(FRONTS[before], 1, 1))
    cloud.bring(wanted(FRONTS[after], 1, 1))
    [listener] = cloud.listeners.values()
    [pool] = cloud.pools.values()
    assert f"{FRONT}{digest(FRONTS[after])}" in listener["tags"]
    assert listener["protocol"] == pool["protocol"]
    assert next_change(cloud.whole(), wanted(FRONTS[after], 1, 1)) is None


def test_another_port_is_open_before_the_old_one_closes() -> None:
    cloud = Written()
    cloud.bring(wanted(PLAIN, 1))
    made, gone = cloud.bring(wanted(FRONTS["another port"], 1))
    assert (made.method, made.path) == ("POST", "/listeners")
    assert gone.method == "DELETE"


def test_all_members_that_come_go_or_drain_are_one_change() -> None:
    cloud = Written()
    cloud.bring(wanted(PLAIN, 1, 1, 1))
    [change] = cloud.bring(wanted(PLAIN, 0, 1))
    assert change.path.endswith("/members")
    assert change.body
    assert [each["weight"] for each in change.body["members"]] == [0, 1]


def test_who_is_now_at_an_address_is_told() -> None:
    cloud = Written()
    cloud.bring(wanted(PLAIN, 1))
    then = wanted(PLAIN, 1)
    other = replace(then, members=({**then.members[0], "name": str(UUID(int=9))},))
    [change] = cloud.bring(other)
    assert change.body
    assert change.body["members"][0]["name"] == str(UUID(int=9))


def test_a_part_in_error_is_told_again() -> None:
    cloud = Written()
    then = wanted(PLAIN, 1)
    cloud.bring(then)
    [listener] = cloud.listeners.values()
    listener["provisioning_status"] = "ERROR"
    change = next_change(cloud.whole(), then)
    assert change
    assert (change.method, change.path) == ("PUT", f"/listeners/{listener['id']}")


def test_a_pool_made_twice_by_a_call_that_was_thought_lost_is_removed() -> None:
    cloud = Written()
    then = wanted(PLAIN, 1)
    cloud.bring(then)
    cloud.do(Change("POST", "/pools", {"pool": then.pool}))
    [change] = cloud.bring(then)
    assert change.method == "DELETE"
    assert len(cloud.pools) == 1


def test_a_new_one_is_one_order_with_all_its_parts() -> None:
    order = wanted(PLAIN, 1, 0).created
    [listener] = order["listeners"]
    assert listener["default_pool"]["healthmonitor"]["type"] == "HTTP"
    assert len(listener["default_pool"]["members"]) == 2


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        (replace(PLAIN, traffic=Traffic.HTTPS), "Barbican"),
        (replace(PLAIN, method="random"), "least_conn"),
        (replace(PLAIN, port=0), "65535"),
        (replace(PLAIN, health_path="health"), "slash"),
        (replace(PLAIN, monitor=Monitor(failures=11)), "10 failures"),
        (
            replace(PLAIN, traffic=Traffic.TCP, persistence=Persistence.HTTP_COOKIE),
            "no cookies",
        ),
    ],
)
def test_what_octavia_cannot_do_is_refused_by_name(front: Front, reason: str) -> None:
    assert reason in (refused(front) or "")


@pytest.mark.parametrize("name", FRONTS)
def test_what_octavia_can_do_is_not_refused(name: str) -> None:
    assert refused(FRONTS[name]) is None

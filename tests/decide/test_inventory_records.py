"""A record of a thing is the same until somebody changes the thing, and shows no secret."""

from typing import Any

import pytest

from muster.base.clock import ManualClock
from muster.decide.inventory.kinds import Place, difference, record
from muster.model.inventory import Kind, Record

NOW = ManualClock().now()
WEB: dict[str, Any] = {
    "name": "web",
    "project": "default",
    "location": "m1",
    "status": "Running",
    "last_used_at": "2030-01-01T00:00:00Z",
    "used_by": ["/1.0/b", "/1.0/a"],
    "config": {"limits.cpu": "2", "cloud-init.user-data": "password: hunter2"},
    "expanded_config": {"user.user-data": "hunter2", "cloud-init.vendor-data": "hunter2"},
    "state": {"cpu": {"usage": 1}, "pid": 7},
}


def a_record(**but: Any) -> Record:
    made = record(Place(kind=Kind.INSTANCES, path="/"), "c1", {**WEB, **but}, NOW)
    assert made is not None
    return made


def test_what_only_runs_has_not_drifted() -> None:
    later = a_record(
        state={"cpu": {"usage": 2}, "pid": 7},
        last_used_at="2030-01-02T00:00:00Z",
        used_by=["/1.0/a", "/1.0/b"],
    )
    assert difference([a_record()], [later]).put == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "Stopped"},
        {"location": "m2"},
        {"used_by": []},
        {"config": {**WEB["config"], "limits.cpu": "4"}},
        {"config": {**WEB["config"], "cloud-init.user-data": "password: other"}},
    ],
)
def test_what_somebody_changed_has(changed: dict[str, Any]) -> None:
    later = a_record(**changed)
    assert difference([a_record()], [later]).put == (later,)


@pytest.mark.parametrize(
    "key", ["bgp.peers.a.password", "cloud-init.user-data", "ceph.rbd.secret", "s3.key", "x-token"]
)
def test_no_secret_is_kept(key: str) -> None:
    kept = str(a_record(config={key: "hunter2", "bgp.peers.a.address": "10.0.0.1"}).object)
    assert "hunter2" not in kept
    assert "10.0.0.1" in kept

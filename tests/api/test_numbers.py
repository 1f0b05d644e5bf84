"""Numbers of every size are read, or refused by the name of their field."""

from typing import Any

import pytest

from caller import Caller
from office import Office

BIG = ["31 bits", "1e12", "1e400", "-1e12", "1e300"]
HEALTH = {
    "detection_modes": [{"type": "NODE_STATUS_POLLING"}],
    "interval": 60,
}


@pytest.mark.parametrize("said", ["1" + "0" * 400, "-1" + "0" * 400, "1e300", "-0.5"])
async def test_a_number_beyond_its_bounds_is_refused_by_name(office: Office, said: str) -> None:
    body = f'{{"timeout": {said}, "scale_out_threshold": {said}}}'
    headers = {"x-name": "ann", "content-type": "application/json"}
    answer = await office.clients["all"].post("/v1/clusters", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert "timeout" in answer.text


@pytest.mark.parametrize("said", [2**31, 10**12, 10**400, -(10**12), 1e300], ids=BIG)
@pytest.mark.parametrize(
    ("type", "properties"),
    [
        ("deletion", lambda big: {"grace_period": big}),
        ("health", lambda big: {"detection": HEALTH | {"interval": big}}),
        ("health", lambda big: {"detection": HEALTH | {"node_update_timeout": big}}),
        ("scaling", lambda big: {"event": "CLUSTER_SCALE_IN", "adjustment": {"cooldown": big}}),
    ],
)
async def test_no_policy_says_a_number_that_no_moment_can_be_moved_by(
    office: Office, type: str, properties: Any, said: float
) -> None:
    version = {"health": "1.1"}.get(type, "1.0")
    spec = {"type": f"senlin.policy.{type}", "version": version, "properties": properties(said)}
    caller = Caller(office)
    answer = await caller.ask("POST", "/policies", {"policy": {"name": "p", "spec": spec}})
    assert answer.json()["error"]["type"] in ("HTTPBadRequest", "ESchema"), answer.text
    assert (await caller.ask("GET", "/policies")).json()["policies"] == []

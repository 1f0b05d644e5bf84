"""A wrong option is refused by name."""

from typing import Any

import pytest

from drivers.simulated.worlds import a_config
from muster.base.errors import Invalid
from muster.drivers.simulated.cloud import open_cloud


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"create_s": "long"}, "create_s"),
        ({"create_s": -1}, "create_s"),
        ({"create_s": True}, "create_s"),
        ({"create_s": float("nan")}, "create_s"),
        ({"world": "cloudy"}, "world"),
        ({"zones": []}, "zones"),
        ({"zones": "z1"}, "zones"),
        ({"hosts": 1}, "hosts"),
        ({"hosts": 2.5}, "hosts"),
        ({"requests_per_vcpu": 0}, "requests_per_vcpu"),
        ({"taken_ports": 80}, "taken_ports"),
        ({"faults": "all"}, "faults"),
        ({"faults": {"create_server": "always"}}, "faults"),
        ({"faults": {"create_server": {"error": "odd"}}}, "faults"),
        ({"faults": {"create_server": {"often": 3}}}, "faults"),
        ({"faults": {"create_server": {"every": 0}}}, "faults"),
    ],
)
async def test_a_wrong_option_is_refused_by_name(options: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await open_cloud(a_config(options))
    assert refusal.value.details["field"] == field

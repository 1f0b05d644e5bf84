"""What an OpenStack cloud can be told."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from muster.base.errors import Invalid
from muster.drivers.openstack.options import Options, parsed


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "entry"),
        ({"entry": "lab", "security_groups": [7]}, "security_groups"),
        ({"entry": "lab", "deadline_s": 0}, "deadline_s"),
        ({"entry": "lab", "flavour": "x"}, "flavour"),
    ],
)
def test_what_is_wrong_is_named(said: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parsed(said)
    assert refusal.value.details["field"] == field


def test_every_option_is_in_the_reference() -> None:
    page = (Path(__file__).parents[3] / "docs/reference/openstack-cloud.md").read_text()
    assert [each.name for each in fields(Options) if f"`{each.name}`" not in page] == []

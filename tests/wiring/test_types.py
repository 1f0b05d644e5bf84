"""Types of policies and profiles that other distributions bring."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path
from uuid import UUID

import pytest

from builders import LONG_AGO, WEB, a_cluster
from muster.base.errors import Invalid
from muster.decide.policies import POLICY_TYPES, attached, compiled, properties_of
from muster.decide.profile_types import PROFILE_TYPES
from muster.model.policy import Binding, Policy
from muster.model.policy_type import Floor
from muster.model.removal import Order
from muster.wiring.types import POLICY_GROUP, PROFILE_GROUP, policy_types, profile_types

PAGE = Path(__file__).parents[2] / "docs/how-to/add-a-type.md"


@pytest.fixture
def types(tmp_path, monkeypatch):
    """Every policy type there is once the distribution of the page is installed."""
    text = PAGE.read_text()
    [code] = re.findall(r"```python\n(.*?)```", text, re.S)
    said = re.search(r'entry-points\."(?P<group>.+?)"\]\n(?P<line>\w+) = "(?P<to>.+?)"', text)
    (tmp_path / "wake.py").write_text(code)
    facts = tmp_path / "wake-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: wake\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[{said['group']}]\n{said['line']} = {said['to']}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return policy_types()


def test_the_type_of_the_page_is_found_checked_and_at_work(types):
    type = types["example.policy.wake-1.0"]
    assert set(types) == {*POLICY_TYPES, type.key}
    assert properties_of(type, {}, Floor()) == {"minutes": 10}
    with pytest.raises(Invalid, match="must be >= 0"):
        properties_of(type, {"minutes": -1}, Floor())
    policy = Policy(
        id=UUID(int=9),
        project="demo",
        user="ann",
        name="wake",
        type=type.key,
        spec={"properties": {"minutes": 3}},
        created_at=LONG_AGO,
    )
    binding = Binding(
        id=UUID(int=8),
        project="demo",
        cluster_id=WEB,
        policy_id=policy.id,
        policy_type=type.key,
        policy_name="wake",
        created_at=LONG_AGO,
    )
    cluster = compiled(a_cluster(), attached(types, [(binding, policy)]))
    assert (cluster.removal.order, cluster.removal.grace_s) == (Order.OLDEST_FIRST, 180)
    assert compiled(cluster, []) == a_cluster()


def test_every_version_of_a_plugged_in_type_is_one(types):
    plug = EntryPoint("batch", "muster.decide.policies.loadbalance:TYPE", POLICY_GROUP)
    with pytest.raises(Invalid, match=r"a type senlin\.policy\.loadbalance-1\.0 already"):
        policy_types([plug])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("not_there:TYPE", "plug-in bad"),
        ("muster.decide.policies.batch:NOTHING", "plug-in bad"),
        ("muster.decide.policies.batch:SCHEMA", "must be a PolicyType"),
    ],
)
def test_a_plug_in_that_does_not_work_is_said_by_name(value, text):
    with pytest.raises(Invalid, match=text) as caught:
        policy_types([EntryPoint("bad", value, POLICY_GROUP)])
    assert caught.value.details["field"] == "bad"


def test_profile_types_are_plugged_in_alike():
    assert profile_types([]) == PROFILE_TYPES
    plug = EntryPoint("mine", "muster.decide.policies.batch:TYPE", PROFILE_GROUP)
    with pytest.raises(Invalid, match="must be a ProfileType"):
        profile_types([plug])

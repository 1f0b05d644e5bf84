"""What a request for a virtual cluster says, in every form; and what is wrong with it."""

import json
from typing import Any

import pytest

from muster.api.vclusters_v2.bodies import asked
from muster.base.errors import Invalid
from muster.model.placing import Kind, Scope
from muster.service.ask import Fault
from vclusters import ONE_VOLUME, REDUNDANT, body, one_key, repeated, rule, server, volume


def read(said: Any) -> Any:
    return asked((said if isinstance(said, str) else json.dumps(said)).encode())[0]


def refused(said: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as found:
        read(said)
    told = found.value.details.get("errors", (Fault("", found.value.text),))
    assert isinstance(told, tuple)
    return {each.field: each.message for each in told}


@pytest.mark.parametrize("case", [ONE_VOLUME, REDUNDANT])
@pytest.mark.parametrize("form", [repeated, one_key])
def test_every_form_says_the_same(case: Any, form: Any) -> None:
    assert read(form(case)) == read(case)


def test_no_instance_of_repeated_keys_is_lost() -> None:
    found = read(repeated(REDUNDANT))
    assert [each.name for each in found.instances] == ["db-1", "db-1-vol", "db-2", "db-2-vol"]
    assert [each.kind for each in found.instances] == [Kind.SERVER, Kind.VOLUME] * 2
    assert [each.name for each in found.groupings] == ["g1", "g2", "g3", "g3"]
    assert found.groupings[3].members == ("db-1-vol", "db-2-vol")


@pytest.mark.parametrize(
    "said", ['["a", "b"]', "['a', 'b']", "[a, b]", "a,b", " [ a ,'b' ] ", ["a", "b", "a"]]
)
def test_members_may_be_a_list_that_stands_in_a_string(said: Any) -> None:
    grouping = rule("affinity") | {"membersRef": said}
    assert read(body([server("a"), server("b")], [grouping])).groupings[0].members == ("a", "b")


def test_everything_that_may_be_said_of_an_instance_is_heard() -> None:
    spec = {
        "key_name": "mine",
        "networks": ["private"],
        "user_data": "#!/bin/sh\n",
        "metadata": {"a": "b"},
        "availability_zone": "z1",
    }
    block = volume("disk", 3, volume_type="fast", attach_to="db") | {"type": "block-storage"}
    kept = rule("anti-affinity", "db", scope="zone", max_per_host=2)
    found = read(body([server("db", **spec), block], [kept], seconds=2, cloud="here"))
    one, other = found.instances
    assert (one.server.key_name, one.server.networks) == ("mine", ("private",))
    assert (one.server.user_data, one.server.zone) == ("#!/bin/sh\n", "z1")
    assert one.server.metadata == {"a": "b"}
    assert (other.volume.size_gib, other.volume.pool, other.volume.attach_to) == (3, "fast", "db")
    assert (found.groupings[0].scope, found.groupings[0].most) == (Scope.ZONE, 2)
    assert (found.seconds, found.cloud) == (2.0, "here")


RULE = "vcluster.groupings[0]"
BOTH = [server("a"), volume("b")]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "vcluster"),
        ({"vcluster": {}}, "vcluster.name"),
        (body([]), "vcluster.instances"),
        (body(BOTH, name=""), "vcluster.name"),
        (body(BOTH, strange=1), "vcluster.strange"),
        (body(BOTH, seconds=0), "vcluster.seconds"),
        (body([volume("a", None)]), "vcluster.instances[0].spec.size"),
        (body([volume("a", 0)]), "vcluster.instances[0].spec.size"),
        (body([volume("a", -1)]), "vcluster.instances[0].spec.size"),
        (body([volume("a", "10")]), "vcluster.instances[0].spec.size"),
        (body([volume("a", 1.5)]), "vcluster.instances[0].spec.size"),
        (body([volume("a", True)]), "vcluster.instances[0].spec.size"),
        (body([{"name": "a", "type": "volume"}]), "vcluster.instances[0].spec.size"),
        (body([{"name": "a", "type": "server"}]), "vcluster.instances[0].spec.imageRef"),
        (body([server("a") | {"type": "router"}]), "vcluster.instances[0].type"),
        (body([{"name": "a", "spec": {}}]), "vcluster.instances[0].type"),
        (body([{"type": "server", "spec": {}}]), "vcluster.instances[0].name"),
        (body([server("a b")]), "vcluster.instances[0].name"),
        (body([server("a"), 7]), "vcluster.instances[1]"),
        (body("a"), "vcluster.instances"),
        (body({"server": {}}), "vcluster.instances.server"),
        (body(BOTH, [rule("near", "a")]), f"{RULE}.spec.rule"),
        (body(BOTH, [rule("affinity")]), f"{RULE}.membersRef"),
        (body(BOTH, [rule("affinity") | {"membersRef": "[]"}]), f"{RULE}.membersRef"),
        (body(BOTH, [{"name": "g", "membersRef": ["a"]}]), f"{RULE}.spec.rule"),
        (body(BOTH, [rule("affinity", "a", max_per_host=2)]), f"{RULE}.spec.max_per_host"),
        (body(BOTH, [rule("proximity", "a", scope="host")]), f"{RULE}.spec.scope"),
        (body(BOTH, [rule("anti-affinity", "a", max_per_host=0)]), f"{RULE}.spec.max_per_host"),
        (body(BOTH, [rule("affinity", "a") | {"membersRef": 7}]), f"{RULE}.membersRef"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_its_field(said: Any, field: str) -> None:
    assert list(refused(said)) == [field]


def test_a_fault_in_repeated_keys_is_named_as_it_is_written() -> None:
    said = '{"vcluster": {"name": "x", "instances": {"instance": %s, "instance": %s}}}'
    wrong = said % (json.dumps(volume("a")), json.dumps(volume("b", 0)))
    assert list(refused(wrong)) == ["vcluster.instances.instance[1].spec.size"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ('{"vcluster": {"name": "x", "name": "y"}}', "vcluster.name"),
        ('{"vcluster": {"instances": [], "instances": []}}', "vcluster.instances"),
        ('{"vcluster": {"instances": [{"spec": {"size": 1, "size": 2}}]}}',
         "vcluster.instances[0].spec.size"),
    ],
)  # fmt: skip
def test_another_key_said_twice_is_refused(said: str, field: str) -> None:
    assert refused(said) == {field: "is given 2 times"}


@pytest.mark.parametrize("said", ["", "[]", "{", '{"a": NaN}', '"\\ud800"', "[" * 100_000])
def test_what_is_no_object_is_refused(said: str) -> None:
    assert list(refused(said)) == [""]


def test_several_faults_are_told_at_once() -> None:
    found = refused(body([volume("a", 0), server("b", imageRef=7)], [rule("near", "a")]))
    assert len(found) == 3

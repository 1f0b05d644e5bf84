"""Requests for virtual clusters: what contradicts itself, and what is attached to whom."""

import json
from typing import Any
from uuid import UUID

import pytest

from builders import NOW, a_server, a_spec
from muster.api.vclusters_v2.bodies import asked
from muster.decide.vclusters.checks import faults, rules_of
from muster.decide.vclusters.course import Sight, course
from muster.model.placing import Relation
from muster.model.vcluster import (
    Member,
    MemberStatus,
    VCluster,
    VClusterAsk,
    VClusterStatus,
    attachments,
)
from muster.model.vcluster_step import RemoveServer
from vclusters import ONE_VOLUME, REDUNDANT, body, rule, server, volume


def ask(said: Any) -> VClusterAsk:
    return asked(json.dumps(said).encode())[0]


def attached(said: Any) -> dict[str, str]:
    wanted = ask(said)
    return dict(attachments(wanted.instances, wanted.groupings))


@pytest.mark.parametrize("case", [ONE_VOLUME, REDUNDANT])
def test_the_use_cases_of_the_blueprint_contradict_nothing(case: Any) -> None:
    assert faults(ask(case)) == ()


def test_a_volume_is_attached_to_the_one_server_beside_it() -> None:
    assert attached(REDUNDANT) == {"db-1-vol": "db-1", "db-2-vol": "db-2"}


def test_a_volume_between_two_servers_is_attached_to_neither() -> None:
    both = [server("a"), server("b"), volume("v")]
    assert attached(body(both, [rule("affinity", "a", "b", "v")])) == {}
    assert attached(body(both, [rule("affinity", "a", "v"), rule("affinity", "b", "v")])) == {}


@pytest.mark.parametrize(
    "near", [rule("soft-affinity", "a", "v"), rule("affinity", "a", "v", scope="zone")]
)
def test_what_need_not_share_a_host_attaches_nothing(near: Any) -> None:
    assert attached(body([server("a"), volume("v")], [near])) == {}


def test_attach_to_stands_over_groups_and_brings_both_to_one_host() -> None:
    said = body(
        [server("a"), server("b"), volume("v", attach_to="b")], [rule("affinity", "a", "v")]
    )
    assert attached(said) == {"v": "b"}
    wanted = ask(said)
    tie = rules_of(wanted.groupings, {"v": "b"})[1]
    assert (tie.relation, tie.members) == (Relation.TOGETHER, ("v", "b"))
    assert len(rules_of(wanted.groupings, {"v": "a"})) == 1


@pytest.mark.parametrize(
    ("said", "field", "word"),
    [
        (body([server("a"), volume("a")]), "instances[1].name", "'a'"),
        (body([server("a")], [rule("affinity", "a", "x")]), "groupings[0].members_ref", "'x'"),
        (body([volume("v", attach_to="x")]), "instances[0].spec.attach_to", "'x'"),
        (body([volume("v"), volume("w", attach_to="v")]), "instances[1].spec.attach_to", "'v'"),
        (
            body(
                [server("a"), server("b")],
                [rule("affinity", "a", "b"), rule("anti-affinity", "a", "b")],
            ),
            "groupings[1]",
            "a and b must be on one host",
        ),
        (
            body([server("a"), volume("v", attach_to="a")], [rule("anti-affinity", "a", "v")]),
            "groupings[0]",
            "attachment of v",
        ),
    ],
)
def test_what_contradicts_itself_is_named(said: Any, field: str, word: str) -> None:
    found = faults(ask(said))
    assert [each for each, _ in found] == [field]
    assert word in found[0][1]


@pytest.mark.parametrize("status", [MemberStatus.PLANNED, MemberStatus.BUILDING])
@pytest.mark.parametrize(("host", "goes"), [("h1", True), ("h2", False), ("", False)])
def test_a_server_that_is_listed_late_where_it_is_not_to_be_any_more_goes(
    status: MemberStatus, host: str, goes: bool
) -> None:
    id = UUID(int=7)
    one = Member(id=id, name="db", server=a_spec(), host="h2", status=status)
    made = VCluster(
        id=UUID(int=1), project="p", user="u", name="v", cloud="c", members=(one,), init_at=NOW
    )
    late = a_server(1, server_id=id, host=host)
    found = course(made, Sight(servers={id: late}), NOW)
    assert (RemoveServer(member="db", ref=late.ref) in found.steps) is goes
    assert found.vcluster.status is (VClusterStatus.CREATING if goes else VClusterStatus.ACTIVE)

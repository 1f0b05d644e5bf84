"""What comes next for a virtual cluster, from how it is recorded and what is seen of it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders
from builders import NOW
from muster.decide.vclusters.course import Course, Sight
from muster.decide.vclusters.telling import TURNS
from muster.decide.vclusters.updating import next_course, taken_back
from muster.model.observed import Seen, Server
from muster.model.vcluster import (
    VCLUSTER_TRANSITIONS,
    Grouping,
    Member,
    MemberStatus,
    Update,
    VCluster,
    VClusterStatus,
    VolumeSpec,
    member_id,
)
from muster.model.vcluster_step import (
    Attach,
    Detach,
    MakeServer,
    MakeVolume,
    MoveServer,
    MoveVolume,
    RemoveServer,
    RemoveVolume,
    StartServer,
    VStep,
)
from muster.model.volume import Volume

ID = UUID(int=9)
S = VClusterStatus
PLANNED, ACTIVE = MemberStatus.PLANNED, MemberStatus.ACTIVE


def server(name: str, host: str = "h1", status: MemberStatus = PLANNED) -> Member:
    return Member(
        id=member_id(ID, name), name=name, server=builders.a_spec(), host=host, status=status
    )


def volume(name: str, of: str = "", host: str = "h1", status: MemberStatus = PLANNED) -> Member:
    spec = VolumeSpec(size_gib=1, attach_to=of)
    return Member(id=member_id(ID, name), name=name, volume=spec, host=host, status=status)


def vcluster(*members: Member, **but: Any) -> VCluster:
    plain: dict[str, Any] = {"id": ID, "project": "demo", "user": "ann", "name": "v"}
    return VCluster(**plain | {"cloud": "sim", "members": members, "init_at": NOW} | but)


def running(name: str, host: str = "h1", seen: Seen = Seen.RUNNING) -> Server:
    id = member_id(ID, name)
    return Server(
        ref=f"ref-{name}",
        server_id=id,
        node_id=id,
        cluster_id=ID,
        name=name,
        seen=seen,
        created=NOW,
        address="10.0.0.1",
        host=host,
        zone="z",
        image="i",
        project="demo",
    )


def lying(name: str, of: str = "", host: str = "h1") -> Volume:
    return Volume(
        id=member_id(ID, name),
        ref=name,
        name=name,
        project="demo",
        size_gib=1,
        host=host,
        server_ref=f"ref-{of}" if of else "",
    )


def sight(*things: Server | Volume) -> Sight:
    servers = {each.server_id: each for each in things if isinstance(each, Server)}
    return Sight(
        servers=servers, volumes={each.id: each for each in things if isinstance(each, Volume)}
    )


def comes(vcluster: VCluster, *things: Server | Volume) -> Course:
    return next_course(vcluster, sight(*things), NOW)


def told(steps: Iterable[VStep]) -> list[tuple[type, str]]:
    return [(type(each), each.member) for each in steps]


ONE = vcluster(server("a"), volume("v", "a"))
GOING = replace(ONE, status=S.DELETING)


@pytest.mark.parametrize(
    ("one", "seen", "steps"),
    [
        (ONE, [], [(MakeServer, "a")]),
        (ONE, [running("a")], [(MakeVolume, "v")]),
        (ONE, [running("a", seen=Seen.BUILDING), lying("v")], []),
        (ONE, [running("a"), lying("v")], [(Attach, "v")]),
        (ONE, [running("a"), lying("v", "a")], []),
        (GOING, [running("a"), lying("v", "a")], [(RemoveServer, "a")]),
        (GOING, [lying("v", "a")], [(Detach, "v")]),
        (GOING, [lying("v")], [(RemoveVolume, "v")]),
        (replace(GOING, keep_volumes=True), [lying("v", "a")], [(Detach, "v")]),
        (replace(GOING, keep_volumes=True), [lying("v")], []),
    ],
)
def test_servers_come_before_their_volumes_and_go_before_them(
    one: VCluster, seen: list[Any], steps: list[Any]
) -> None:
    assert told(comes(one, *seen).steps) == steps


def test_it_is_active_once_all_is_there_and_gone_once_nothing_is() -> None:
    there = comes(ONE, running("a"), lying("v", "a")).vcluster
    assert (there.status, there.created_at) == (S.ACTIVE, NOW)
    assert comes(GOING).gone
    assert not comes(GOING, lying("v")).gone
    back = comes(replace(ONE, status=S.ROLLING_BACK, reason="why"))
    assert (back.vcluster.status, back.vcluster.reason, back.gone) == (S.ERROR, "why", False)


def test_one_that_breaks_while_it_is_made_ends_all_and_later_is_told() -> None:
    sick = running("a", seen=Seen.BROKEN)
    making = comes(vcluster(server("a", status=MemberStatus.BUILDING)), sick)
    assert (making.vcluster.status, told(making.steps)) == (S.ROLLING_BACK, [(RemoveServer, "a")])
    later = comes(vcluster(server("a", status=ACTIVE), status=S.ACTIVE), sick)
    assert (later.vcluster.status, later.steps) == (S.WARNING, ())
    assert comes(later.vcluster, running("a")).vcluster.status is S.ACTIVE


def updating(*members: Member, **update: Any) -> VCluster:
    old = (Grouping(name="old", members=("a",), word="affinity"),)
    return vcluster(*members, status=S.UPDATING, update=Update(groupings=old, **update))


A, V, X = (server("a", "h2", ACTIVE), volume("v", "a", "h2", ACTIVE), server("x", "h1", ACTIVE))
MOVING = updating(A, V, moved={"a": "h1", "v": "h1"})


@pytest.mark.parametrize(
    ("one", "seen", "steps"),
    [
        (MOVING, [running("a"), lying("v", "a")], [(Detach, "v")]),
        (MOVING, [running("a"), lying("v")], [(MoveServer, "a")]),
        (MOVING, [running("a", "h2", Seen.STOPPED), lying("v")], [(StartServer, "a")]),
        (MOVING, [running("a", "h2", Seen.BUILDING), lying("v")], []),
        (MOVING, [running("a", "h2"), lying("v")], [(Attach, "v")]),
        (MOVING, [running("a", "h2"), lying("v", "a", "h2")], []),
        (
            updating(volume("v", "", "h2", ACTIVE), moved={"v": "h1"}),
            [lying("v")],
            [(MoveVolume, "v")],
        ),
        (
            updating(A, X, server("n"), new=("n",), moved={"a": "h1"}),
            [running("a"), running("x")],
            [(MoveServer, "a")],
        ),
        (updating(X, server("n"), new=("n",)), [running("x")], [(MakeServer, "n")]),
        (updating(X, server("n"), new=("n",), going=("x",)), [running("x")], [(MakeServer, "n")]),
        (
            updating(X, server("n"), new=("n",), going=("x",)),
            [running("x"), running("n", seen=Seen.BUILDING)],
            [],
        ),
        (
            updating(X, server("n"), new=("n",), going=("x",)),
            [running("x"), running("n")],
            [(RemoveServer, "x")],
        ),
        (
            updating(X, volume("v", "", "h1", ACTIVE), going=("x",)),
            [running("x"), lying("v", "x")],
            [(Detach, "v")],
        ),
        (
            updating(X, volume("v", "x", "h1", ACTIVE), going=("v",)),
            [running("x"), lying("v", "x")],
            [(Detach, "v")],
        ),
        (
            updating(X, server("lost", "h1", ACTIVE), server("n"), new=("n",)),
            [running("x"), running("n")],
            [],
        ),
    ],
)
def test_an_update_moves_then_makes_and_takes_away_at_its_end(
    one: VCluster, seen: list[Any], steps: list[Any]
) -> None:
    assert told(comes(one, *seen).steps) == steps


def test_an_update_that_is_taken_back_leaves_it_as_it_was() -> None:
    old = (Grouping(name="old", members=("a",), word="affinity"),)
    one = updating(A, server("n"), X, new=("n",), going=("x",), moved={"a": "h1"})
    back = taken_back(one, "because")
    assert back.groupings == old
    assert {each.name: each.host for each in back.members} == {"a": "h1", "n": "h1", "x": "h1"}
    assert told(comes(back, running("a", "h2"), running("n"), running("x")).steps) == [
        (MoveServer, "a")
    ]
    done = comes(back, running("a"), running("x")).vcluster
    assert (done.status, done.update) == (S.ACTIVE, None)
    assert done.reason == "the update was taken back: because"
    assert {each.name for each in done.members} == {"a", "x"}
    assert comes(done, running("a"), running("x")).vcluster == done


def test_what_is_on_its_way_out_is_not_called_back_by_one_that_breaks() -> None:
    """The old one may be half gone: what is new is kept, and told as broken."""
    one = updating(X, server("n", status=ACTIVE), new=("n",), going=("x",))
    leaving = comes(one, running("x"), running("n")).vcluster
    ended = comes(leaving, running("n", seen=Seen.BROKEN)).vcluster
    assert (ended.status, [each.name for each in ended.members]) == (S.WARNING, ["n"])


NAMES = st.lists(st.sampled_from("abc"), unique=True)


@settings(max_examples=60, deadline=None)
@given(
    new=NAMES,
    old=st.sets(st.sampled_from("xyz"), min_size=1),
    going=st.sets(st.sampled_from("xyz")),
    moved=st.sets(st.sampled_from("xyz")),
    fails=st.integers(0, 6),
)
def test_every_update_arrives_whole_or_as_it_was(
    new: list[str], old: set[str], going: set[str], moved: set[str], fails: int
) -> None:
    """Over a cloud that obeys at once: whatever is taken back, whenever."""
    going, moved = going & old, moved & old - going
    members = [server(n, "h2" if n in moved else "h1", ACTIVE) for n in sorted(old)]
    one = updating(
        *members,
        *(server(n) for n in new),
        new=tuple(new),
        going=tuple(going),
        moved=dict.fromkeys(moved, "h1"),
    )
    cloud = {name: running(name) for name in old}
    for number in range(30):
        if number == fails and one.update and not going - cloud.keys():
            one = taken_back(one, "so")
        found = comes(one, *cloud.values())
        one = found.vcluster
        _obey(cloud, found.steps)
        if one.status is not S.UPDATING:
            break
    assert (one.status, one.update) == (S.ACTIVE, None)
    back = one.reason.endswith("so")
    assert cloud.keys() == (old if back else (old - going) | set(new))
    assert {name for name, each in cloud.items() if each.host == "h2"} == (set() if back else moved)
    assert {each.name for each in one.members} == cloud.keys()


def _obey(cloud: dict[str, Server], steps: Iterable[VStep]) -> None:
    for step in steps:
        match step:
            case MakeServer():
                cloud[step.member] = running(step.member, step.order.host)
            case MoveServer():
                cloud[step.member] = running(step.member, step.host)
            case RemoveServer():
                del cloud[step.member]
            case _:
                raise AssertionError(step)


def test_every_turn_that_there_is_is_told() -> None:
    turns = {(one, other) for one, every in VCLUSTER_TRANSITIONS.items() for other in every}
    assert turns | {(None, S.CREATING), (S.DELETING, None)} == TURNS.keys()

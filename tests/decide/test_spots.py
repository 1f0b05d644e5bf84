"""Hosts for the servers of clusters: never a rule broken, never more than there is room for."""

from collections import Counter
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.decide.placement.solve import solve
from muster.decide.spots.seats import at_most, places, problem, setting, why_not
from muster.decide.spots.wants import Ground, Want, eased
from muster.model.placement import Affinity, Group
from muster.model.placing import BY_ZONE, Host, Item, Limit, Placed, zone_mark
from muster.model.reservation import Room, without

LIMIT = Limit(work=0.5, seconds=5.0, why=False)
ZONES = ("a", "b")


def a_want(number: int, **but: object) -> Want:
    id = UUID(int=1000 + number)
    plain = {"step": number, "id": id, "name": f"n{number}", "item": Item(id=str(id), ram_mib=1)}
    return Want(**plain | but)  # type: ignore[arg-type]


def a_group(affinity: Affinity) -> Group:
    return Group(id=UUID(int=5), name="ours", affinity=affinity)


def ground(*hosts: Host, **but: object) -> Ground:
    return Ground(room=Room(hosts=hosts), **but)  # type: ignore[arg-type]


def found(here: Ground, group: Group | None, wants: list[Want]) -> dict[int, str] | None:
    """Return the host of each want by its number, None where there is no answer."""
    answer = solve(problem(setting(here, group, wants), wants), LIMIT)
    if not isinstance(answer, Placed):
        return None
    named = places(answer.places)
    return {want.step: named[str(want.id)] for want in wants}


@dataclass(frozen=True)
class Case:
    ground: Ground
    group: Group | None
    wants: list[Want]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    count = draw(st.integers(1, 5))
    hosts = [
        Host(
            id=f"h{number}",
            zone=draw(st.sampled_from(ZONES)),
            ram_mib=draw(st.none() | st.integers(0, 4)),
            open=draw(st.integers(0, 4)) > 0,
        )
        for number in range(count)
    ]
    names = st.sampled_from([host.id for host in hosts])
    standing = {UUID(int=n): host for n, host in enumerate(draw(st.lists(names, max_size=3)))}
    group = draw(st.none() | st.builds(a_group, st.sampled_from(list(Affinity))))
    others = {UUID(int=100 + n): host for n, host in enumerate(draw(st.lists(names, max_size=2)))}
    wants = [
        a_want(
            number,
            zones=draw(st.sampled_from([(), ("a",), ("a", "b")])),
            leaves=draw(names) if draw(st.integers(0, 5)) == 0 else "",
            item=Item(id=str(UUID(int=1000 + number)), ram_mib=draw(st.integers(0, 2))),
        )
        for number in range(draw(st.integers(1, 5)))
    ]
    return Case(ground(*hosts, standing=standing, group=others), group, wants)


@given(cases())
def test_no_rule_is_broken_and_no_host_gets_more_than_it_has(case):
    spots = found(case.ground, case.group, case.wants)
    if spots is None:
        return
    scene = setting(case.ground, case.group, case.wants)
    assert at_most(scene, case.wants) == len(case.wants)
    hosts = {host.id: host for host in case.ground.room.hosts}
    for want in case.wants:
        host = hosts[spots[want.step]]
        assert host.open
        assert not want.zones or host.zone in want.zones
        assert host.id != want.leaves
    for host in hosts.values():
        used = sum(want.item.ram_mib for want in case.wants if spots[want.step] == host.id)
        assert host.ram_mib is None or used <= host.ram_mib
    _kept(case, Counter(spots.values()))


def _kept(case: Case, come: Counter[str]) -> None:
    there = {*case.ground.standing.values(), *case.ground.group.values()}
    if case.group and case.group.affinity is Affinity.ANTI_AFFINITY:
        assert all(count == 1 for count in come.values())
        assert not there & set(come)
    if case.group and case.group.affinity is Affinity.AFFINITY:
        assert len(come) == 1
        assert not there or set(come) <= there


@given(cases())
def test_there_is_no_answer_only_where_the_last_one_has_no_host_whatever_is_tried(case):
    """Alone, a want is refused a host only for what `why_not` counts."""
    (want, *_) = case.wants
    scene = setting(case.ground, case.group, [want])
    said = why_not(scene, want)
    if found(case.ground, case.group, [want]) is None:
        assert "taken by others" not in said
    elif case.group is None:
        assert "taken by others" in said


@given(cases())
def test_the_same_question_has_the_same_answer_however_hosts_are_listed(case):
    hosts = case.ground.room.hosts
    turned = Ground(
        room=Room(hosts=tuple(reversed(hosts))),
        standing=case.ground.standing,
        group=case.ground.group,
    )
    assert found(case.ground, case.group, case.wants) == found(turned, case.group, case.wants)


def test_zones_take_turns_and_the_emptiest_host_comes_first():
    hosts = [
        Host(id=f"{zone}{n}", zone=zone, ram_mib=size)
        for zone in ZONES
        for n, size in ((1, 4), (2, 8))
    ]
    spots = found(ground(*hosts), None, [a_want(n) for n in range(2)])
    assert set((spots or {}).values()) == {"a2", "b2"}


def test_a_large_cluster_gets_its_next_node_where_the_fewest_of_it_are():
    hosts = [Host(id=f"h{n}", zone="a") for n in range(10)]
    standing = {UUID(int=n): f"h{n % 10}" for n in range(199)}
    assert found(ground(*hosts, standing=standing), None, [a_want(1)]) == {1: "h9"}


@pytest.mark.parametrize(
    ("affinity", "spots"), [(Affinity.SOFT_AFFINITY, 1), (Affinity.SOFT_ANTI_AFFINITY, 3)]
)
def test_soft_rules_are_kept_where_they_can_be(affinity, spots):
    hosts = [Host(id=f"h{n}", zone="a", ram_mib=4) for n in range(3)]
    seats = found(ground(*hosts), a_group(affinity), [a_want(n) for n in range(3)])
    assert len({*(seats or {}).values()}) == spots


def test_who_is_to_be_near_his_volumes_is_not_if_that_cannot_be():
    full, free = Host(id="h1", zone="a", ram_mib=0), Host(id="h2", zone="b", ram_mib=4)
    want = a_want(1, near="h1", zones=("a",), spare=ZONES)
    assert found(ground(full, free), None, [want]) is None
    assert found(ground(full, free), None, [eased(want)]) == {1: "h2"}


def test_a_host_that_is_open_only_to_whom_names_its_zone_is_taken_by_nobody_else():
    labels = {zone_mark("fast"): "yes", BY_ZONE: "yes"}
    host = Host(id="h1", zone="a", labels=labels, open=False)
    assert found(ground(host), None, [a_want(1)]) is None
    assert found(ground(host), None, [a_want(1, zones=("fast",))]) == {1: "h1"}
    left = replace(ground(host), room=without(ground(host).room, {"h1"}))
    assert found(left, None, [a_want(1, zones=("fast",))]) is None, "it is being left"

"""Spreading over zones: quotas add up, and nodes go where they belong."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    LONG_AGO,
    NEW,
    OLD,
    SIMULATED,
    a_cluster,
    a_new_cluster,
    a_node,
    a_profile,
    a_snapshot,
    a_spec,
)
from decide.imagined import World
from muster.decide.converge import plan
from muster.decide.zones import spread
from muster.model.placement import Group, Placement, Share
from muster.model.removal import Order, Removal
from muster.model.step import CreateServer

ZONES = ("a", "b", "c", "d")
shares = st.lists(
    st.builds(Share, zone=st.sampled_from(ZONES), weight=st.integers(0, 300)),
    min_size=1,
    unique_by=lambda each: each.zone,
).filter(lambda some: any(each.weight for each in some))
there = st.dictionaries(st.sampled_from(ZONES), st.integers(0, 50))
EVEN = Placement(shares=(Share(zone="a"), Share(zone="b")))


@given(there, shares, st.integers(0, 60))
def test_every_new_node_finds_a_zone(current, shares, count):
    plan = spread(current, shares, count)
    assert sum(plan.values()) == count
    assert set(plan) <= {each.zone for each in shares}
    assert all(more > 0 for more in plan.values())


@given(there, shares, st.integers(0, 60))
def test_as_many_go_as_are_too_many_and_never_more_than_a_zone_has(current, shares, count):
    plan = spread(current, shares, -count)
    mine = sum(current.get(each.zone, 0) for each in shares)
    assert sum(plan.values()) == min(count, mine)
    assert all(0 < less <= current.get(zone, 0) for zone, less in plan.items())


@given(shares, st.integers(0, 60))
def test_growing_from_nothing_gives_no_zone_more_than_its_quota(shares, count):
    plan, weights = spread({}, shares, count), sum(each.weight for each in shares)
    for each in shares:
        assert plan.get(each.zone, 0) < count * each.weight / weights + 1


def test_the_weightiest_zone_is_filled_first_and_the_lightest_emptied_first():
    two = (Share(zone="a", weight=100), Share(zone="b", weight=300))
    assert spread({}, two, 5) == {"b": 4, "a": 1}
    assert spread({"a": 3, "b": 4}, two, -2) == {"a": 2}


def test_a_cluster_is_made_and_shrunk_evenly_over_its_zones():
    world = World(a_snapshot(a_new_cluster(desired=5, placement=EVEN)))
    world.settle()
    assert Counter(each.zone for each in world.snapshot.nodes) == {"a": 3, "b": 2}
    smaller = replace(world.cluster, desired=2, generation=2)
    world.snapshot = replace(world.snapshot, cluster=smaller)
    world.settle()
    assert Counter(each.zone for each in world.snapshot.nodes) == {"a": 1, "b": 1}


def test_a_node_that_is_mended_stays_in_its_zone():
    world = World(a_snapshot(a_new_cluster(desired=2, placement=EVEN)))
    world.settle()
    node = world.snapshot.nodes[0]
    gone = {id: each for id, each in world.snapshot.servers.items() if each.node_id != node.id}
    world.snapshot = replace(world.snapshot, servers=gone)
    world.settle()
    again = world.snapshot.nodes[0]
    assert (again.incarnation, again.zone) == (2, node.zone)


def test_zones_that_the_cloud_has_not_are_passed_over():
    placement = Placement(shares=(Share(zone="nowhere"), Share(zone="b")))
    cloud = replace(SIMULATED, zones=("a", "b"))
    snapshot = a_snapshot(a_new_cluster(desired=2, placement=placement), cloud=cloud)
    assert {each.order.zone for each in creations(snapshot)} == {"b"}


def test_a_profile_that_names_its_zones_has_its_way():
    fixed = a_profile(OLD, server=a_spec(zones=("c",)))
    cluster = a_new_cluster(desired=2, placement=EVEN)
    snapshot = a_snapshot(cluster, profiles={OLD: fixed, NEW: fixed})
    assert {each.order.zone for each in creations(snapshot)} == {""}


def test_orders_carry_the_group_of_their_cluster():
    group = Group(id=OLD, name="apart")
    snapshot = a_snapshot(a_new_cluster(desired=1, placement=Placement(group=group)))
    assert [each.order.group for each in creations(snapshot)] == [group]
    [node] = plan(snapshot).put
    assert node.data == {"placement": {"servergroup": str(group.id)}}


def creations(snapshot):
    return [each for each in plan(snapshot).steps if isinstance(each, CreateServer)]


AGES = {1: 3, 2: 1, 3: 4, 4: 2}  # index -> how many hours ago its server first ran
PROFILES = {
    OLD: a_profile(OLD, created_at=LONG_AGO),
    NEW: a_profile(NEW, created_at=LONG_AGO + timedelta(hours=1)),
}


def aged(**but):
    ages = {index: LONG_AGO - timedelta(hours=hours) for index, hours in AGES.items()}
    nodes = [
        a_node(index, since=at, created_at=at, profile_id=NEW if index in (1, 4) else OLD)
        for index, at in ages.items()
    ]
    cluster = a_cluster(desired=2, next_index=5, profile_id=OLD, **but)
    return a_snapshot(cluster, *nodes, profiles=PROFILES)


@pytest.mark.parametrize(
    ("order", "indexes"),
    [
        (Order.LEAST_USEFUL, {1, 4}),  # not of the profile in force
        (Order.OLDEST_FIRST, {3, 1}),
        (Order.YOUNGEST_FIRST, {2, 4}),
        (Order.OLDEST_PROFILE_FIRST, {2, 3}),
    ],
)
def test_the_order_of_removal_says_who_goes_first(order, indexes):
    decided = plan(aged(removal=Removal(order=order)))
    assert {each.index for each in decided.put if each.leaving} == indexes


def test_dice_fall_the_same_way_for_the_same_wish_and_differently_for_others():
    def chosen(generation):
        decided = plan(aged(removal=Removal(order=Order.RANDOM), generation=generation))
        return frozenset(each.index for each in decided.put if each.leaving)

    assert chosen(7) == chosen(7)
    assert len({chosen(generation) for generation in range(2, 30)}) > 2


def test_whoever_is_tainted_goes_first_whatever_the_order_and_the_zones():
    seen = aged(removal=Removal(order=Order.YOUNGEST_FIRST), placement=EVEN)
    nodes = [replace(n, zone="a" if n.index < 4 else "b", tainted=n.index == 4) for n in seen.nodes]
    decided = plan(replace(seen, nodes=tuple(nodes)))
    assert {each.index for each in decided.put if each.leaving} == {4, 2}

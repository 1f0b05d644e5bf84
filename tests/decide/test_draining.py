"""Hosts that are being left: who goes, and what never becomes less meanwhile."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    OLD,
    SIMULATED,
    a_cluster,
    a_node,
    a_profile,
    a_service,
    a_spec,
)
from decide.lives import LIFE, PASSES, natures, running, serving, start_update, stop
from muster.decide.cordon import allowance, bound
from muster.decide.spots.fleet import Records
from muster.decide.spots.refuge import busiest, parties, wanted
from muster.model.capacity import Amount
from muster.model.cluster import Healing
from muster.model.node import Why
from muster.model.placement import Placement
from muster.model.rollout import Strategy

HOSTS = ("h0", "h1", "h2")
SERVICE = a_service(dns_name="", drain_s=20)
strategies = st.builds(
    Strategy,
    max_surge=st.builds(Amount, st.integers(0, 3)),
    max_unavailable=st.builds(Amount, st.integers(0, 2)),
)


def on(world, *hosts: str) -> set[int]:
    """Return the numbers of the nodes that have a server on one of these hosts."""
    servers = world.snapshot.servers.values()
    there = {each.node_id for each in servers if each.host in hosts}
    return {each.index for each in world.snapshot.nodes if each.id in there}


def never_below(before, decided, after) -> None:
    allowed = allowance(decided.cluster)
    staying = [n for n in after.nodes if not n.leaving and not n.standby]
    assert len(staying) <= decided.cluster.desired + allowed.surge
    assert serving(after) >= min(serving(before), allowed.floor, 1 + decided.cluster.desired)
    assert serving(after) >= min(serving(before), 1)


@LIFE
@given(
    size=st.integers(1, 7),
    strategy=strategies,
    served=st.booleans(),
    cap=st.booleans(),
    sessions=st.sampled_from([0, 2, 9]),
    away=st.permutations(HOSTS),
)
def test_hosts_are_left_in_turn_and_never_do_fewer_serve_than_the_budget_says(
    size, strategy, served, cap, sessions, away
):
    placement = Placement(cap=size) if cap else Placement()
    service = SERVICE if served else None
    world = running(size, service=service, strategy=strategy, placement=placement)
    world.nature = replace(world.nature, sessions=sessions)
    world.checks.append(never_below)
    for host in away:
        world.cordon(host)
        world.settle(PASSES)
        stuck = cap and size == 1
        assert stuck or not on(world, host)
        assert len(world.snapshot.nodes) == size
    world.cordon()
    world.settle(PASSES)
    assert len(world.snapshot.nodes) == size


@LIFE
@given(
    size=st.integers(1, 6),
    nature=natures,
    strategy=strategies,
    changes=st.lists(
        st.tuples(
            st.sampled_from(["size", "cordon", "open", "update", "break"]), st.integers(1, 6)
        ),
        max_size=8,
    ),
)
def test_whatever_else_happens_a_host_is_left_in_the_end(size, nature, strategy, changes):
    world = running(size, service=SERVICE, strategy=strategy)
    world.nature = replace(nature, duds=0.0)
    for what, number in changes:
        if what == "size":
            world.wish(desired=number)
        elif what == "break":
            world.break_servers(number)
        elif what == "update" and not (world.cluster.rollout and world.cluster.rollout.under_way):
            start_update(world)
        else:
            world.cordon(*HOSTS[: number % 3] if what == "cordon" else ())
        for _ in range(number):
            world.step()
    world.cordon("h1")
    world.settle(PASSES)
    assert on(world, "h1") == set()
    assert len(world.snapshot.nodes) == world.cluster.desired


@pytest.mark.parametrize(
    ("but", "spec", "why"),
    [
        ({}, {}, ""),
        ({"protected": True}, {}, "it is protected"),
        ({}, {"host": "h0"}, "its profile names its host"),
    ],
)
def test_who_may_not_be_replaced_elsewhere_stays(but, spec, why):
    world = running(3, service=SERVICE)
    world.change_node(1, **but)
    known = a_profile(OLD, server=a_spec(**spec))
    world.snapshot = replace(world.snapshot, profiles={**world.snapshot.profiles, OLD: known})
    [node] = [each for each in world.snapshot.nodes if each.index == 1]
    assert bound(node, known) == why
    world.cordon(world.snapshot.servers[node.server_id].host)
    world.settle(PASSES)
    assert (1 in {each.index for each in world.snapshot.nodes}) is bool(why)


def test_who_has_volumes_there_stays_with_them():
    world = running(3, service=SERVICE)
    first = world.snapshot.nodes[0]
    world.snapshot = replace(world.snapshot, tied=frozenset({first.id}))
    world.cordon(world.snapshot.servers[first.server_id].host)
    world.settle(PASSES)
    assert first.id in {each.id for each in world.snapshot.nodes}


def test_who_goes_says_why_and_is_not_taken_back_while_its_host_is_left():
    world = running(3, service=SERVICE)
    world.nature = replace(world.nature, sessions=50)
    world.cordon("h1")
    gone = on(world, "h1")
    world.until(lambda w: any(n.leaving for n in w.snapshot.nodes))
    [leaving] = [each for each in world.snapshot.nodes if each.leaving]
    assert (leaving.index in gone, leaving.leaving.why) == (True, Why.EVACUATE)
    assert leaving.leaving.reason == "its host is being left"
    world.wish(desired=4)
    world.step()
    assert {n.index for n in world.snapshot.nodes if n.leaving} >= {leaving.index}


def records(*nodes, **but) -> Records:
    cluster = a_cluster(desired=len(nodes), **but)
    return Records(clusters=[cluster], nodes=nodes, profiles={OLD: a_profile(OLD)}, claims=())


def test_as_many_have_to_have_a_place_as_the_cluster_cannot_spare():
    nodes = [a_node(n, host="h1") for n in (1, 2, 3)]
    spare = Strategy(max_unavailable=Amount(2))
    for strategy, count in ((Strategy(), 3), (spare, 1)):
        known = records(*nodes, strategy=strategy)
        [party] = parties(["h1"], known)
        assert len(wanted(party, known, SIMULATED)) == count


def test_those_with_most_nodes_are_looked_at_together():
    hosts = ("h1", "h2", "h2", "h3", "h3", "h3")
    known = records(*(a_node(n, host=host) for n, host in enumerate(hosts, 1)))
    assert busiest(["h1", "h2", "h3"], known, 2) == ("h2", "h3")
    assert list(parties(["h9"], known)) == []


@pytest.mark.parametrize("service", [None, SERVICE], ids=["plain", "service"])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_node_that_somebody_stopped_keeps_no_host_from_being_left(size, service):
    world = running(size, service=service)
    stop(world, 1)
    before = serving(world.snapshot)
    world.checks.append(lambda _, __, after: serve_on(after, before))

    world.cordon("h2")
    world.settle(PASSES)

    assert on(world, "h2") == ({1} & on(world, "h2"))
    assert len(world.snapshot.nodes) == size


def serve_on(snapshot, many: int) -> None:
    assert serving(snapshot) >= many


def test_a_node_that_was_given_up_keeps_no_host_from_being_left():
    world = running(3, healing=Healing(enabled=False))
    world.break_servers(1)
    world.settle()

    world.cordon("h2")
    world.settle(PASSES)

    assert on(world, "h2") == set()
    assert len(world.snapshot.nodes) == 3

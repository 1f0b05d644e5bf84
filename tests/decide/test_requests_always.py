"""What is asked of nodes comes to its end, whatever the cluster is in the middle of."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import (
    NEW,
    a_cluster,
    a_member_of,
    a_node,
    a_pool,
    a_probe_of,
    a_rollout,
    a_service,
    a_snapshot,
)
from decide.asking import CALM, PLACES
from decide.generated import snapshots
from decide.imagined import World
from decide.lives import (
    LIFE,
    PASSES,
    consistent,
    left_behind,
    natures,
    running,
    start_update,
    turn,
)
from muster.decide.converge import plan
from muster.decide.requests import is_request
from muster.decide.rolling import batch_size
from muster.model.capacity import Amount
from muster.model.rollout import RolloutState, Strategy, UpdateKind
from patience import examples

IN_PLACE = (UpdateKind.IN_PLACE,)


# -- whatever is asked comes to an end


@LIFE
@given(snapshots(kinds=IN_PLACE), natures)
def test_any_cluster_with_updates_in_place_settles(snapshot, nature):
    world = World(snapshot=snapshot, nature=nature)

    decided = world.settle(PASSES)

    if decided.gone:
        assert set(world.snapshot.servers) <= left_behind(world)
        return
    consistent(world)
    staying = [node for node in world.snapshot.nodes if not node.standby]
    assert not any(node.leaving or node.renew_by for node in world.snapshot.nodes)
    assert len(staying) == world.cluster.desired or any(n.protected for n in staying)


@LIFE
@given(snapshots(kinds=(UpdateKind.ROLLING, UpdateKind.IN_PLACE)), natures)
def test_whatever_is_asked_of_a_node_ends_once(snapshot, nature):
    world = World(snapshot=snapshot, nature=nature)
    asked = {each.id for each in snapshot.actions if is_request(each)}

    world.settle(PASSES)

    ends = Counter(each.id for each in world.ended)
    assert asked <= set(ends)
    assert set(ends.values()) <= {1}
    assert not [each for each in world.snapshot.actions if is_request(each) and not each.ended]
    told = Counter(each.action_id for each in world.told if each.status in ("end", "error"))
    assert all(told[id] <= 1 for id in ends)


@LIFE
@given(snapshots(kinds=IN_PLACE), natures)
def test_a_node_keeps_its_name_and_place_through_any_update_in_place(snapshot, nature):
    world = World(snapshot=snapshot, nature=nature)
    before = {node.id: (node.index, node.name) for node in snapshot.nodes}

    world.settle(PASSES)

    for node in world.snapshot.nodes:
        assert before.get(node.id, (node.index, node.name)) == (node.index, node.name)


@settings(max_examples=examples(60), deadline=None)
@given(snapshots(kinds=IN_PLACE))
def test_what_is_taken_up_in_a_pass_that_is_lost_is_taken_up_the_same_way_again(snapshot):
    first, again = plan(snapshot), plan(snapshot)
    assert first == again
    assert len({each.id for each in first.actions}) == len(first.actions)


@LIFE
@given(
    st.integers(1, 9),
    st.sampled_from([Amount(0), Amount(1), Amount(2), Amount(50, percent=True)]),
    st.integers(0, 4),
    st.booleans(),
)
def test_an_update_in_place_keeps_to_its_batches(size, most, least, service):
    strategy = replace(PLACES, max_unavailable=most, min_in_service=least)
    nodes = [a_node(index) for index in range(1, size + 1)]
    web = a_cluster(
        desired=size,
        next_index=size + 1,
        healing=CALM,
        strategy=strategy,
        service=a_service(drain_s=1) if service else None,
        rollout=a_rollout(strategy=strategy),
    )
    pool = a_pool(web, *(a_member_of(each) for each in nodes)) if service else None
    probes = {each.id: a_probe_of(each) for each in nodes} if service else {}
    world = World(snapshot=a_snapshot(web, *nodes, pool=pool, probes=probes))
    batch = batch_size(web, strategy)

    def within(before, decided, after):
        busy = [n for n in after.nodes if n.renew_by or n.ready_at is None]
        assert len(busy) <= batch

    world.checks.append(within)
    world.settle(PASSES)

    assert world.cluster.rollout.state is RolloutState.DONE
    assert {n.profile_id for n in world.snapshot.nodes} == {NEW}
    assert [n.id for n in world.snapshot.nodes] == [n.id for n in nodes]


def test_scaled_in_while_an_update_in_place_is_held_no_node_is_left_over():
    world = running(4, strategy=Strategy(kind=UpdateKind.IN_PLACE))
    start_update(world)
    turn(world, "pause")
    world.wish(desired=0)

    world.settle(PASSES)

    assert world.snapshot.nodes == ()

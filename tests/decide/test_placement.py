"""Placements, proofs and explanations, against trying everything."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decide.placements import (
    a_problem,
    about,
    cost,
    is_placement,
    lesser,
    placements,
    possible,
)
from muster.decide.placement.board import compiled
from muster.decide.placement.budget import Budget, Unwatched
from muster.decide.placement.contradictions import contradictions
from muster.decide.placement.ease import COST, eased, ways
from muster.decide.placement.judge import broken_rules, faults
from muster.decide.placement.large import sought_large
from muster.decide.placement.solve import quick, solve
from muster.model.placing import (
    Conflict,
    Ease,
    Host,
    Impossible,
    Item,
    Kind,
    Limit,
    Move,
    Placed,
    Problem,
    Relation,
    Rule,
    Scope,
    Undecided,
    Want,
    with_own,
)

ALL_DAY = Limit(work=20, seconds=1e9)
GIB = 1024


def a_host(name, ram=4, **more):
    return Host(id=name, vcpus=8, ram_mib=ram * GIB, disk_gib={"": 100}, **more)


def a_server(name, ram=4, **more):
    return Item(id=name, vcpus=1, ram_mib=ram * GIB, **more)


def a_volume(name, size=10, **more):
    return Item(id=name, kind=Kind.VOLUME, disk_gib={"": size}, **more)


def apart(*members, **more):
    return Rule(name="apart", relation=Relation.APART, members=members, **more)


def together(*members, **more):
    return Rule(name="together", relation=Relation.TOGETHER, members=members, **more)


def in_one_zone(*members):
    return together(*members, scope=Scope.ZONE)


def judged(problem, limit=ALL_DAY):
    """Solve, and hold the answer against trying everything."""
    answer = solve(problem, limit)
    match answer:
        case Placed():
            assert is_placement(problem, answer.places)
            assert faults(problem, answer.places) == ()
            assert answer.best
            assert cost(problem, answer.places) == min(
                cost(problem, places) for places in placements(problem)
            )
        case Impossible():
            assert not possible(problem)
            hold(problem, answer)
        case Undecided():
            pytest.fail(f"undecided: {answer.reason}")
    return answer


def hold(problem, answer):
    conflict = answer.conflict
    assert conflict.minimal
    assert conflict.text
    assert not possible(about(problem, conflict))
    for less in lesser(conflict):
        assert possible(about(problem, less)), less
    for way in answer.relaxations:
        assert is_placement(eased(problem, way.changes), way.placed.places)
        assert way.cost == sum(COST[change.ease] for change in way.changes)
    assert [way.cost for way in answer.relaxations] == sorted(w.cost for w in answer.relaxations)
    cheapest = min((way.cost for way in answer.relaxations), default=0)
    whole = Conflict(
        items=tuple(item.id for item in problem.items),
        rules=tuple(n for n, rule in enumerate(problem.rules) if not rule.soft),
    )
    for change in ways(problem, whole):
        if COST[change.ease] < cheapest:
            assert not possible(eased(problem, [change])), change


@pytest.mark.parametrize("block", range(20))
def test_small_problems_are_decided_as_trying_everything_decides_them(block):
    for seed in range(block * 15, block * 15 + 15):
        judged(a_problem(seed, hosts=4, items=4), replace(ALL_DAY, relaxations=seed % 5 == 0))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_thousands_of_problems_are_decided_as_trying_everything_decides_them(block):
    for seed in range(1000 + block * 100, 1000 + block * 100 + 100):
        judged(a_problem(seed), replace(ALL_DAY, relaxations=1 + seed % 3))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_what_is_for_large_problems_decides_small_ones_alike(block):
    for seed in range(5000 + block * 50, 5000 + block * 50 + 50):
        problem = a_problem(seed)
        board = compiled(problem)
        if not all(each.may for each in board.blocks):
            continue
        found = sought_large(board, Budget(ALL_DAY, Unwatched()))
        assert found.all == possible(problem), seed
        assert found.none != found.all, seed
        if found.all:
            places = board.named(found.seats)
            assert is_placement(problem, places), seed
            assert not found.best or cost(problem, places) == min(
                cost(problem, each) for each in placements(problem)
            ), seed


@given(seed=st.integers(0, 10_000), dice=st.randoms(use_true_random=False))
def test_the_order_in_which_hosts_and_items_are_told_changes_nothing(seed, dice):
    problem = a_problem(seed, hosts=4, items=4)
    hosts, items = list(problem.hosts), list(problem.items)
    dice.shuffle(hosts)
    dice.shuffle(items)
    other = Problem(hosts=tuple(hosts), items=tuple(items), rules=problem.rules)
    limit = replace(ALL_DAY, relaxations=1)
    assert solve(problem, limit) == solve(other, limit)


@given(seed=st.integers(0, 10_000))
def test_what_is_placed_stays_when_it_is_placed_again(seed):
    problem = a_problem(seed)
    answer = quick(problem)
    if answer:
        items = tuple(replace(each, host=answer.places[each.id]) for each in problem.items)
        free = tuple(
            replace(host, open=host.open or host.id in answer.places.values())
            for host in problem.hosts
        )
        again = solve(replace(problem, items=items, hosts=free), ALL_DAY)
        assert isinstance(again, Placed)
        assert again.moves == ()


def test_a_volume_is_where_its_server_is():
    problem = Problem(
        hosts=(a_host("h1"), a_host("h2", ram=8)),
        items=(a_server("db", ram=6), a_volume("data")),
        rules=(together("db", "data"),),
    )
    assert judged(problem).places == {"db": "h2", "data": "h2"}


def test_redundant_servers_are_apart_each_with_its_volume():
    problem = Problem(
        hosts=(a_host("h1"), a_host("h2")),
        items=(a_server("db-1"), a_volume("vol-1"), a_server("db-2"), a_volume("vol-2")),
        rules=(
            together("db-1", "vol-1"),
            together("db-2", "vol-2"),
            apart("db-1", "db-2"),
            apart("vol-1", "vol-2"),
        ),
    )
    places = judged(problem).places
    assert places["db-1"] == places["vol-1"] != places["db-2"] == places["vol-2"]


def test_too_few_hosts_for_who_is_apart_are_told_in_words():
    problem = Problem(
        hosts=(
            *(a_host(f"h{n}", ram=2) for n in (1, 3, 4)),
            a_host("h2", ram=16),
            a_host("h5", ram=16),
        ),
        items=tuple(a_server(f"db-{n}") for n in (1, 2, 3)),
        rules=(apart("db-1", "db-2", "db-3"),),
    )
    answer = judged(problem)
    assert answer.conflict.text == (
        "db-1, db-2 and db-3 must be on three hosts; only h2 and h5 have 4 GiB of memory free"
    )
    assert [way.text for way in answer.relaxations][-1] == (
        "add a host with room for db-3 (1 vCPU, 4 GiB of memory)"
    )


def test_too_few_zones_for_who_is_apart_are_counted():
    problem = Problem(
        hosts=tuple(a_host(f"h{n}", ram=16, zone=f"z{n % 2}") for n in range(4)),
        items=tuple(a_server(f"db-{n}") for n in (1, 2, 3)),
        rules=(apart("db-1", "db-2", "db-3", scope=Scope.ZONE),),
    )
    assert judged(problem).conflict.text == (
        "db-1, db-2 and db-3 must be in three zones; there are two zones"
    )


def test_one_that_is_too_large_for_any_host_is_told_with_the_largest():
    problem = Problem(hosts=(a_host("h1"), a_host("h2", ram=8)), items=(a_server("db", ram=16),))
    assert judged(problem).conflict.text == (
        "no host has the 16 GiB of memory free that db needs (h2 has most, 8 GiB of memory)"
    )


def test_those_who_together_need_too_much_are_told_with_what_there_is():
    problem = Problem(
        hosts=(a_host("h1", ram=5), a_host("h2", ram=6)),
        items=tuple(a_server(f"web-{n}", ram=3) for n in range(4)),
    )
    assert judged(problem).conflict.text == (
        "web-0, web-1, web-2 and web-3 together need 12 GiB of memory; "
        "h1 has 5 GiB and h2 6 GiB of it free"
    )


def test_no_host_is_a_reason_too():
    answer = solve(Problem(hosts=(), items=(a_server("db"),)))
    assert isinstance(answer, Impossible)
    assert answer.conflict.text == "there is no host"


def test_nothing_to_place_is_placed():
    assert solve(Problem(hosts=(a_host("h1"),), items=())) == Placed(places={}, best=True)


def test_who_runs_moves_only_where_there_is_no_other_way():
    hosts = (a_host("h1", ram=0), a_host("h2", ram=2))
    running = a_server("old", ram=2, host="h1")
    problem = Problem(
        hosts=with_own(hosts, [running]),
        items=(running, a_server("new", ram=2)),
    )
    assert judged(problem).moves == ()
    parted = replace(problem, items=(replace(running, ram_mib=1 * GIB), a_server("new", ram=2)))
    tight = replace(parted, hosts=(a_host("h1", ram=2), a_host("h2", ram=1)))
    assert judged(tight).moves == (Move(item="old", source="h1", target="h2"),)


def test_who_may_not_move_is_named_and_letting_it_move_offered():
    problem = Problem(
        hosts=(a_host("h1", ram=2), a_host("h2", ram=1)),
        items=(a_server("old", ram=1, host="h1", fixed=True), a_server("new", ram=2)),
    )
    answer = judged(problem)
    assert ("old", Want.STAY) in answer.conflict.wants
    first = answer.relaxations[0]
    assert [change.ease for change in first.changes] == [Ease.LET_MOVE]
    assert first.text == "let old move from h1"
    assert first.placed.moves == (Move(item="old", source="h1", target="h2"),)


def test_soft_rules_are_kept_where_possible_and_told_where_not():
    problem = Problem(
        hosts=(a_host("h1"), a_host("h2")),
        items=tuple(a_server(f"web-{n}", ram=1) for n in range(3)),
        rules=(apart("web-0", "web-1", "web-2", soft=True), in_one_zone("web-0", "web-1")),
    )
    answer = judged(problem)
    assert [each.rule for each in answer.broken] == [0]
    assert len(answer.broken[0].members) == 2


def test_rules_that_contradict_each_other_are_told_whatever_hosts_there_are():
    rules = (together("a", "b"), together("b", "c"), together("x", "y"), apart("a", "c"))
    (found,) = contradictions(rules)
    assert found.rules == (3, 0, 1)
    assert found.members == ("a", "c")
    assert found.text == (
        "a and c must be on one host by affinity together and affinity together, "
        "and on different hosts by anti-affinity apart"
    )
    items = tuple(a_server(name) for name in "abcxy")
    judged(Problem(hosts=(a_host("h1", ram=99), a_host("h2")), items=items, rules=rules))


@pytest.mark.parametrize(
    ("rules", "at_odds"),
    [
        ((together("a", "b", "c"), apart("a", "b", "c", most=2)), True),
        ((together("a", "b"), apart("a", "b", "c", most=2)), False),
        ((together("a", "b"), apart("a", "b", scope=Scope.ZONE)), True),
        ((in_one_zone("a", "b"), apart("a", "b", scope=Scope.ZONE)), True),
        ((in_one_zone("a", "b"), apart("a", "b")), False),
        ((together("a", "b", soft=True), apart("a", "b")), False),
        ((together("a", "b"), apart("a", "b", soft=True)), False),
    ],
)
def test_contradictions_are_by_scope_and_by_how_many(rules, at_odds):
    assert bool(contradictions(rules)) is at_odds


def test_broken_rules_name_who_breaks_them():
    rules = (apart("a", "b", "c"), together("a", "d"))
    hosts = (a_host("h1"), a_host("h2"))
    places = {"a": "h1", "b": "h1", "c": "h2", "d": "h2"}
    broken = broken_rules(rules, hosts, places)
    assert [(each.rule, each.members) for each in broken] == [(0, ("a", "b")), (1, ("a", "d"))]


def test_running_more_than_a_host_has_is_no_reason_to_move():
    running = a_server("old", ram=6, host="h1")
    hosts = with_own((Host(id="h1", vcpus=-3, ram_mib=-GIB), a_host("h2", ram=8)), [running])
    assert judged(Problem(hosts=hosts, items=(running,))).moves == ()


def test_the_limit_ends_a_search_with_what_it_has():
    items = tuple(a_server(f"i{n:02}", ram=3) for n in range(14))
    hosts = (*(a_host(f"h{n:02}", ram=5) for n in range(13)), a_host("h99", ram=2))
    pairs = tuple(in_one_zone(a.id, b.id) for a, b in pairwise(items))
    answer = solve(Problem(hosts=hosts, items=items, rules=pairs), Limit(work=0))
    assert isinstance(answer, Undecided | Impossible)
    if isinstance(answer, Undecided):
        assert answer.unplaced
        assert set(answer.places) | set(answer.unplaced) == {item.id for item in items}

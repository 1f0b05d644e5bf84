"""Proofs by counting in an aggregated model, against trying everything."""

import pytest

from decide.placements import a_problem, possible
from muster.decide.placement.aggregate import too_many
from muster.decide.placement.board import compiled
from muster.decide.placement.budget import Budget, Unwatched
from muster.decide.placement.counting import overfull
from muster.model.placing import Host, Item, Limit, Problem, Relation, Rule, Scope

GIB = 1024


def crowd_of(problem):
    """Return the ids of those that counting shows to be too many."""
    board = compiled(problem)
    blocks = too_many(board, Budget(Limit(), Unwatched()))
    return blocks and {board.items[i].id for b in blocks for i in board.blocks[b].items}


def among(problem, names):
    """Return the problem of these items alone."""
    items = tuple(item for item in problem.items if item.id in names)
    kept = [
        Rule(
            name=rule.name,
            relation=rule.relation,
            scope=rule.scope,
            most=rule.most,
            soft=rule.soft,
            members=tuple(m for m in rule.members if m in names),
        )
        for rule in problem.rules
    ]
    rules = tuple(rule for rule in kept if rule.members)
    return Problem(hosts=problem.hosts, items=items, rules=rules)


def never_wrong(seed, hosts=4, items=5):
    problem = a_problem(seed, hosts=hosts, items=items)
    if all(block.may for block in compiled(problem).blocks):
        crowd = crowd_of(problem)
        if crowd is not None:
            assert not possible(among(problem, crowd)), seed
            return True
    return False


def test_who_is_counted_as_too_many_does_not_fit():
    assert sum(never_wrong(seed) for seed in range(7000, 7020)) > 2


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_who_is_counted_as_too_many_does_not_fit_in_thousands_of_problems(block):
    for seed in range(8000 + block * 200, 8000 + block * 200 + 200):
        never_wrong(seed, hosts=5, items=6)


def test_too_few_hosts_with_a_label_among_many_are_found_with_who_asks_for_them():
    fast = {"disk": "fast"}
    problem = Problem(
        hosts=tuple(
            Host(id=f"h{n:03}", vcpus=8, ram_mib=64 * GIB, labels=fast if n < 5 else {})
            for n in range(300)
        ),
        items=(
            *(Item(id=f"web-{n:03}", vcpus=2, ram_mib=GIB) for n in range(200)),
            *(Item(id=f"db-{n:02}", vcpus=4, ram_mib=GIB, labels=fast) for n in range(14)),
        ),
    )
    assert overfull(compiled(problem)) is None
    crowd = crowd_of(problem)
    assert crowd == {f"db-{n:02}" for n in range(11)}
    assert crowd_of(among(problem, crowd - {"db-04"})) is None


def test_herds_of_which_each_alone_finds_a_zone_are_counted_together():
    hosts = tuple(Host(id=f"h{n}", zone="ab"[n % 2], vcpus=8, ram_mib=64 * GIB) for n in range(20))
    items = tuple(
        Item(id=f"{herd}-{n:02}", vcpus=4, ram_mib=GIB) for herd in "xyz" for n in range(12)
    )
    rules = tuple(
        Rule(
            name=herd,
            relation=Relation.TOGETHER,
            scope=Scope.ZONE,
            members=tuple(item.id for item in items if item.id.startswith(herd)),
        )
        for herd in "xyz"
    )
    problem = Problem(hosts=hosts, items=items, rules=rules)
    assert overfull(compiled(problem)) is None
    crowd = crowd_of(problem)
    assert {name[0] for name in crowd} == set("xyz")
    for name in sorted(crowd)[::8]:
        assert crowd_of(among(problem, crowd - {name})) is None, name

"""Nearly all that is free is asked for, and a little of it is left on every host."""

import pytest
from benchmarks.placement_problems import jigsaw

from muster.decide.placement.board import compiled
from muster.decide.placement.budget import Budget, Unwatched
from muster.decide.placement.hall import Hall
from muster.decide.placement.hood import improved
from muster.decide.placement.solve import solve
from muster.model.placing import Host, Item, Limit, Placed, Problem, Relation, Rule


@pytest.mark.slow
def test_room_that_lies_here_and_there_is_brought_to_one_host_until_the_last_one_fits():
    """Neighbourhoods that only seat what fits into them leave one standing after as much work."""
    problem = jigsaw(3, hosts=120, items=180, groups=36, full=0.9)
    assert isinstance(solve(problem, Limit(work=2, seconds=600)), Placed)


def test_who_needs_no_room_at_all_is_seated_in_pieces_too():
    hosts, items = (tuple(make(id=f"x{n:02}") for n in range(20)) for make in (Host, Item))
    apart = Rule(name="apart", relation=Relation.APART, members=tuple(i.id for i in items))
    hall = Hall(compiled(Problem(hosts=hosts, items=items, rules=(apart,))))
    assert improved(hall, Budget(Limit(work=5), Unwatched()))
    assert len(set(hall.seats().values())) == 20

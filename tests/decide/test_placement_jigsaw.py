"""Nearly all that is free is asked for, and a little of it is left on every host."""

import pytest
from benchmarks.placement_problems import jigsaw

from muster.decide.placement.solve import solve
from muster.model.placing import Limit, Placed


@pytest.mark.slow
def test_room_that_lies_here_and_there_is_brought_to_one_host_until_the_last_one_fits():
    """Neighbourhoods that only seat what fits into them leave one standing after as much work."""
    problem = jigsaw(3, hosts=120, items=180, groups=36, full=0.9)
    assert isinstance(solve(problem, Limit(work=2, seconds=600)), Placed)

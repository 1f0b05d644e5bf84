"""The table of ranks says of every block at every moment what a look at each host says."""

from decide.placements import a_problem
from muster.decide.placement.board import compiled
from muster.decide.placement.hall import Hall
from muster.decide.placement.scores import Scores, ranks


def looked(hall, block, *, spread):
    hosts = hall.candidates(block)
    found = ranks(hall, block, hosts, spread=spread)
    return int(hosts[int(found.argmin())]) if len(hosts) else None


def test_the_best_host_is_the_one_that_a_look_at_each_finds():
    seats = 0
    for seed in range(60):
        hall = Hall(compiled(a_problem(seed, hosts=5, items=6)))
        scores = Scores(hall, spread=bool(seed % 2))
        for block in [*range(len(hall.board.blocks)), *range(len(hall.board.blocks))]:
            host = scores.best(block)
            assert host == looked(hall, block, spread=bool(seed % 2)), seed
            if host is not None and hall.seat[block] < 0:
                scores.sit(block, host)
                seats += 1
            elif hall.seat[block] >= 0 and block % 2:
                scores.leave(block)
    assert seats > 60

"""Seats for boards that are too large to be searched through by hand."""

from muster.decide.placement.aggregate import too_many
from muster.decide.placement.board import Board
from muster.decide.placement.budget import Budget
from muster.decide.placement.exact import all_seated, pairs
from muster.decide.placement.greedy import loose, repaired, seated
from muster.decide.placement.hall import Hall
from muster.decide.placement.hood import improved
from muster.decide.placement.sat import Outcome
from muster.decide.placement.small import worth
from muster.decide.placement.sought import Sought

WHOLE = 40_000  # choices at most for one exact model of everything
EASY = 0.1  # of the budget, for repair before the exact model
HARD = 0.01  # of the budget, for repair of what is too large for it
SEARCH = 0.7  # of the budget, where it may be proved that there is nothing; the rest is for why
PROOF = 0.3  # of the budget, for a proof by counting before anybody is sent away
GLANCE = 0.15  # of what is left then, for the exact model of everything, at first
PIECES = 0.4  # likewise, for neighbourhoods after that
REST = 0.8  # likewise, for the exact model again
BETTER = 0.5  # of what is left, for fewer moves and less broken of soft rules


# Note [Cheapest first]
# Nearly all problems are easy: one look at each block finds a seat, which takes milliseconds.
# What is left is repaired by sending others away, which is good where there is room. Counting
# shows the plainest impossibilities, without which a search would go on for nothing. Then a
# small board is given to an exact search whole, and a large one piece by piece; only the
# former can prove that there is nothing.
def sought_large(board: Board, budget: Budget) -> Sought:
    """Return the best seats found within the budget. See Note [Cheapest first]."""
    hall = _seated(board, budget)
    if hall.standing():
        if too_many(board, budget.part(PROOF)) is not None:
            return Sought(hall.seats(), all=False, none=True)
        small = pairs(board) <= WHOLE
        budget.tell(len(hall.seats()), len(board.blocks), "repair")
        first = hall.seats()
        if not repaired(hall, budget.part(EASY if small else HARD)):
            if small:
                return _searched(hall, budget.part(SEARCH))
            hall.take(first)  # what is packed well makes the better beginning
            return _pieced(hall, budget)
    return _bettered(hall, budget)


def _seated(board: Board, budget: Budget) -> Hall:
    hall = Hall(board)
    spread = loose(hall)
    seated(hall, budget, spread=spread)
    if spread and hall.standing():
        hall = Hall(board)
        seated(hall, budget, spread=False)
    return hall


def _searched(hall: Hall, budget: Budget) -> Sought:
    """Search the whole for a while, then in pieces, then the whole again."""
    for share in (GLANCE, REST):
        budget.tell(len(hall.seats()), len(hall.seat), "exact search")
        found = all_seated(hall.board, budget, budget.left * share, best=False)
        if found.outcome is Outcome.NONE:
            return Sought(hall.seats(), all=False, none=True)
        if found.seats:
            hall.take({})
            hall.take(found.seats)
            return _bettered(hall, budget)
        if share == GLANCE and improved(hall, budget.part(PIECES)):
            return _bettered(hall, budget)
    return _pieced(hall, budget)


def _pieced(hall: Hall, budget: Budget) -> Sought:
    if improved(hall, budget):
        return _bettered(hall, budget)
    return Sought(hall.seats(), all=False)


def _bettered(hall: Hall, budget: Budget) -> Sought:
    """Return these seats, or better ones where they are not known to be the best."""
    seats, board = hall.seats(), hall.board
    if worth(board, seats) == 0:
        return Sought(seats, all=True, best=True)
    if pairs(board) > WHOLE:
        return Sought(seats, all=True)
    found = all_seated(board, budget, budget.left * BETTER, best=True)
    if found.seats and worth(board, found.seats) <= worth(board, seats):
        return Sought(found.seats, all=True, best=found.outcome is Outcome.BEST)
    return Sought(seats, all=True)

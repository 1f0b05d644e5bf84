"""Seats for a board, by hand where it is small, else by heavier means."""

from muster.decide.placement.board import Board
from muster.decide.placement.budget import Budget
from muster.decide.placement.small import searched
from muster.decide.placement.sought import NO_SEATS, Sought

FEW = 10  # blocks at most are searched for without any library
CHOICES = 640  # of a host for a block, at most, likewise
NODES = 3000


def by_hand(board: Board, nodes: int = NODES) -> Sought | None:
    """Return what a complete search of a small board finds, None for what is not that small."""
    if not all(block.may for block in board.blocks):
        return NO_SEATS
    if len(board.blocks) > FEW or sum(len(block.may) for block in board.blocks) > CHOICES:
        return None
    found = searched(board, nodes)
    if not found.whole:
        return None
    return NO_SEATS if found.seats is None else Sought(found.seats, all=True, best=True)


def sought(board: Board, budget: Budget) -> Sought:
    """Return the best seats found within the budget."""
    found = by_hand(board)
    if found is None:
        # Imported only now: what is small does without numpy, too.
        from muster.decide.placement.large import sought_large

        found = sought_large(board, budget)
    return found

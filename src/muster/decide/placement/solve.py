"""solve(problem) -> a placement, a proof that there is none, or neither in time; start here."""

from muster.base.errors import Bug
from muster.decide.placement.board import Board, compiled
from muster.decide.placement.budget import Budget, Unwatched, Watch
from muster.decide.placement.conflict import conflict_of
from muster.decide.placement.contradictions import contradictions
from muster.decide.placement.ease import Search, eased, phrase
from muster.decide.placement.judge import broken_rules, faults, moves_of
from muster.decide.placement.seek import by_hand, sought
from muster.decide.placement.sought import NO_SEATS, Sought
from muster.model.placing import (
    USUAL,
    Answer,
    Conflict,
    Impossible,
    Limit,
    Placed,
    Problem,
    Relaxation,
    Undecided,
)

WHY = 0.5  # of what is left then, for the conflict
QUICK = 300  # seats tried at most where somebody waits on the event loop
UNWATCHED = Unwatched()


def solve(problem: Problem, limit: Limit = USUAL, watch: Watch = UNWATCHED) -> Answer:
    """Return a host for every item, a proof that there is none, or how far the limit let it come.

    Fewest moves come first, then soft rules by their weight. The same problem has the same
    answer, in whatever order its hosts and items stand.
    """
    budget = Budget(limit, watch)
    board = compiled(problem)
    found = _sought(problem, board, budget)
    if found.all:
        return _placed(problem, board, found)
    if not found.none:
        return _undecided(board, found, limit)
    if not limit.why:
        return Impossible(conflict=Conflict(items=()))
    conflict = conflict_of(problem, budget.part(WHY))
    return Impossible(conflict=conflict, relaxations=_relaxations(problem, conflict, limit, budget))


def quick(problem: Problem) -> Placed | None:
    """Return a placement of a small problem within milliseconds, or None: it takes more."""
    board = compiled(problem)
    found = by_hand(board, QUICK)
    return _placed(problem, board, found) if found and found.all else None


def _sought(problem: Problem, board: Board, budget: Budget) -> Sought:
    """Return what a search finds; contradictory rules are found before anything is searched."""
    return NO_SEATS if contradictions(problem.rules) else sought(board, budget)


def _placed(problem: Problem, board: Board, found: Sought) -> Placed:
    places = board.named(found.seats)
    if wrong := faults(problem, places):
        raise Bug(f"a placement is none: {wrong[0]}", faults=wrong)
    return Placed(
        places=places,
        moves=moves_of(problem, places),
        broken=broken_rules(problem.rules, problem.hosts, places),
        best=found.best,
    )


def _undecided(board: Board, found: Sought, limit: Limit) -> Undecided:
    places = board.named(found.seats)
    unplaced = tuple(item.id for item in board.items if item.id not in places)
    return Undecided(
        places=places,
        unplaced=unplaced,
        reason=f"{len(unplaced)} of {len(board.items)} have no host yet after {limit.seconds:g} s, "
        "and it is not proved that they cannot have one",
    )


def _relaxations(
    problem: Problem, conflict: Conflict, limit: Limit, budget: Budget
) -> tuple[Relaxation, ...]:
    """Return the cheapest ways to make it possible, each shown by a placement."""
    search = Search(problem, conflict)
    found: list[Relaxation] = []
    while len(found) < limit.relaxations and (trial := search.next(budget)):
        changed = eased(problem, trial.changes)
        board = compiled(changed)
        answer = _sought(changed, board, budget.part(WHY))
        if answer.all:
            search.suffices(trial.changes)
            placed = _placed(changed, board, answer)
            text = phrase(problem, trial.changes, placed)
            found.append(
                Relaxation(changes=trial.changes, cost=trial.cost, text=text, placed=placed)
            )
        elif answer.none:
            search.extend(trial.changes, conflict_of(changed, budget.part(WHY)))
    return tuple(found)

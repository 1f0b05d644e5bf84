"""Why there is no placement: the smallest part of a problem that has none either."""

from collections.abc import Callable
from dataclasses import replace

from muster.decide.placement.board import Board, compiled
from muster.decide.placement.budget import Budget
from muster.decide.placement.case import Case, Element, about, elements, of_rules, part
from muster.decide.placement.contradictions import contradictions
from muster.decide.placement.seek import FEW, sought
from muster.decide.placement.words import told
from muster.model.placing import Conflict, Problem, Want

TRIAL = 0.2  # of the budget for an explanation, at most, on leaving one thing away

Verdict = Callable[[Case], bool | None]  # whether a part has a placement; None: not found out


def conflict_of(problem: Problem, budget: Budget) -> Conflict:
    """Return a conflict of a problem that is proved to have no placement."""

    def verdict(case: Case) -> bool | None:
        found = sought(compiled(part(problem, case)), budget.part(TRIAL))
        return True if found.all else False if found.none else None

    case = _first(problem)
    case, minimal = shrunk(case, verdict, budget)
    return _conflict(problem, case, minimal=minimal)


def shrunk(case: Case, verdict: Verdict, budget: Budget) -> tuple[Case, bool]:
    """Return a part of a case without a placement that has none either, and whether it is minimal.

    Whatever could not be left away from a larger part cannot be left away from a smaller
    one, so that everything is tried once, large pieces first.
    """
    sure = True
    size = max(len(case) // 2, 1)
    while True:
        at = 0
        sure = True
        while at < len(case):
            if budget.left <= 0:
                return case, False
            fewer = case[:at] + case[at + size :]
            answer = verdict(fewer)
            if answer is False:
                case = fewer
            else:
                at += size
                sure = sure and answer is not None
        if size == 1:
            return case, sure
        size //= 2


def _first(problem: Problem) -> Case:
    """Return a part of the problem in which the plainest impossibility is to be found."""
    case = elements(problem)
    for each in contradictions(problem.rules):
        ties = {m for n in each.rules[1:] for m in problem.rules[n].members}
        return of_rules(case, {*ties, *each.members}, each.rules)
    board = compiled(problem)
    for block in board.blocks:
        if not block.may:
            return about(case, _names(board, block.items))
    if len(board.blocks) <= FEW:
        return case
    from muster.decide.placement.counting import overfull

    crowd = overfull(board)
    if crowd is None:
        return case
    return about(case, _names(board, [i for b in crowd for i in board.blocks[b].items]))


def _names(board: Board, items: "tuple[int, ...] | list[int]") -> list[str]:
    return [board.items[number].id for number in items]


def _conflict(problem: Problem, case: Case, *, minimal: bool) -> Conflict:
    def of(sort: str) -> list[Element]:
        return sorted(e for e in case if e.sort == sort)

    wants = [e.name.split(":", 1) for e in of("want")]
    found = Conflict(
        items=tuple(e.name for e in of("item")),
        rules=tuple(e.number for e in of("rule")),
        wants=tuple((item, Want(want)) for want, item in wants),
        resources=tuple(e.name for e in of("resource")),
        minimal=minimal,
    )
    return replace(found, text=told(problem, found, compiled(part(problem, case))))

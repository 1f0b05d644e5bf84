"""Why there is no placement: the smallest part of a problem that has none either."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from muster.decide.placement.board import Board, compiled
from muster.decide.placement.budget import Budget
from muster.decide.placement.case import Case, Element, about, elements, of_rules, part
from muster.decide.placement.contradictions import contradictions
from muster.decide.placement.seek import FEW, sought
from muster.decide.placement.words import told
from muster.model.placing import Conflict, Problem, Relation, Rule, Want

TRIAL = 0.2  # of the budget for an explanation, at most, on leaving one thing away

Verdict = Callable[[Case], bool | None]  # whether a part has a placement; None: not found out


def conflict_of(problem: Problem, budget: Budget) -> Conflict:
    """Return a conflict of a problem that is proved to have no placement."""

    def verdict(case: Case) -> bool | None:
        found = sought(compiled(part(problem, case)), budget.part(TRIAL))
        return True if found.all else False if found.none else None

    case = _first(problem, budget.part(TRIAL))
    case, minimal = shrunk(case, verdict, budget)
    case = _at_work(problem, case)
    return _conflict(problem, case, minimal=minimal)


def shrunk(case: Case, verdict: Verdict, budget: Budget) -> tuple[Case, bool]:
    """Return a part of a case without a placement that has none either, and whether it is minimal.

    Whatever could not be left away from a larger part cannot be left away from a smaller
    one, so that everything is tried once, large pieces first.
    """
    for sort in ("rule", "want"):
        fewer = tuple(e for e in case if e.sort != sort)
        if len(fewer) < len(case) and budget.left > 0 and verdict(fewer) is False:
            case = fewer
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


def _first(problem: Problem, budget: Budget) -> Case:
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
    # Imported only now: what is small does without numpy, too.
    from muster.decide.placement.aggregate import too_many

    crowd = too_many(board, budget)
    if crowd is None:
        return case
    crowded = about(case, _names(board, [i for b in crowd for i in board.blocks[b].items]))
    for plainer in _plainer(problem, crowded):
        if too_many(compiled(part(problem, plainer)), budget) is not None:
            return plainer
    return crowded


def _plainer(problem: Problem, case: Case) -> Iterator[Case]:
    """Yield the case without any rules, with each one alone, and with all that join."""
    rules = [e for e in case if e.sort == "rule"]
    others = tuple(e for e in case if e.sort != "rule")
    yield others
    items = {e.name for e in case if e.sort == "item"}
    for rule in rules:
        members = items.intersection(problem.rules[rule.number].members)
        if len(members) > len(items) // 2:
            yield (*others, rule)
    joins = [e for e in rules if problem.rules[e.number].relation is Relation.TOGETHER]
    yield (*others, *joins)


def _names(board: Board, items: "tuple[int, ...] | list[int]") -> list[str]:
    return [board.items[number].id for number in items]


def _at_work(problem: Problem, case: Case) -> Case:
    """Return the case without rules that have too few members in it to ask for anything."""
    items = {e.name for e in case if e.sort == "item"}

    def asks(rule: Rule) -> bool:
        few = 1 if rule.relation is Relation.TOGETHER else rule.most
        return len(items.intersection(rule.members)) > few

    return tuple(e for e in case if e.sort != "rule" or asks(problem.rules[e.number]))


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

"""A decision in words: the sentence, the arithmetic, and what comes next."""

from math import inf

from muster.decide.scaling.case import Case, Limited, Wish
from muster.decide.scaling.votes import Vote
from muster.model.scaling import Verdict


def told(case: Case, wish: Wish, limited: Limited) -> tuple[str, str]:
    """Return the sentence, and the arithmetic with its numbers and what each limiter left."""
    standing = _standing(case, wish.vote) if wish.vote else ""
    cuts = "".join(f"; {stop.cut.why} -> {stop.cut.after}" for stop in limited.stops)
    return _reason(case, wish, limited, standing), _base(case, wish, standing) + cuts


def _base(case: Case, wish: Wish, standing: str) -> str:
    if case.due and case.due.desired == wish.size:
        return f"{case.due.by} sets {wish.size}"
    vote = wish.vote
    value = vote.signal.value if vote else None
    if vote is None or value is None:
        return f"{case.crew.desired} stay"
    signal = vote.signal
    now = f"{signal.label} {signal.said(value)}"
    if not vote.goal:
        return f"{now}: {wish.size - case.crew.desired:+d} -> {wish.size}"
    need = value / vote.goal * vote.spread
    sum_ = f"{now} / {signal.said(vote.goal)} x {vote.spread} = {need:.1f}"
    if vote.verdict is Verdict.HOLD:
        return f"{sum_}; {standing} -> stays {wish.size}"
    return f"{sum_} -> {wish.size}"


def _reason(case: Case, wish: Wish, limited: Limited, standing: str) -> str:
    """Return what was seen, what it leads to, and what kept it from more."""
    crew, size = case.crew, limited.size
    held = ", ".join(stop.cut.why for stop in limited.stops)
    seen = _seen(case, wish, standing)
    if wish.blind is not None and size == crew.desired:
        return f"holding {crew.desired}: {wish.blind.signal.missing()}"
    if size != crew.desired:
        return f"{seen}: {crew.desired} -> {size}" + (f" ({held})" if held else "")
    if wish.verdict is Verdict.HOLD:
        return f"holding {size}: {seen}" + (f" ({held})" if held else "")
    return f"{seen} and asks for {wish.size}, but holding {size}: {held}"


def _seen(case: Case, wish: Wish, standing: str) -> str:
    if case.due and case.due.desired == wish.size:
        return f"{case.due.by} came due"
    if wish.vote is None:
        return "no rule asks for a change"
    signal = wish.vote.signal
    if signal.value is None:
        return signal.missing()
    return f"{signal.label} {signal.said(signal.value)} is {standing}"


def _standing(case: Case, vote: Vote) -> str:
    """Return where the mean stands towards the rule's limits: above 70 %, below 20 %."""
    signal, value = vote.signal, vote.signal.value or 0.0
    if value > vote.high or (vote.touching and value == vote.high):
        enough = f", and the {case.crew.desired} asked for are enough"
        standing = f"above {signal.said(vote.high)}"
        return standing + (enough if vote.verdict is Verdict.HOLD else "")
    if vote.verdict is Verdict.IN:
        return f"below {signal.said(vote.low)}"
    if vote.high == inf:
        return "too low for a step out"
    if vote.low >= vote.high:
        return f"below {signal.said(vote.high)}"
    if value < vote.low:
        return f"below {signal.said(vote.low)}, but fewer than {case.crew.desired} would not do"
    return f"between {signal.said(vote.low)} and {signal.said(vote.high)}"


def next_how(case: Case, wish: Wish, limited: Limited) -> str:
    """Return what happens at the next turn, and what would prevent it."""
    vote = wish.vote
    if vote is None or wish.verdict is Verdict.HOLD:
        return case.calendar.by
    signal, turn = vote.signal, f"{limited.size} -> {limited.goal}"
    if wish.verdict is Verdict.IN:
        return f"{turn} unless {signal.label} rises above {signal.said(vote.low)}"
    return f"{turn} if {signal.label} stays above {signal.said(vote.high)}"

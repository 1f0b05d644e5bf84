"""What keeps a wish from being done whole: one function per limiter, in two ordered lists."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil, floor

from muster.decide.scaling.case import (
    BOOTS_PER_WINDOW,
    Case,
    Limited,
    Stop,
    Wish,
    direction,
    in_window,
)
from muster.model.scaling import Changed, Cut, Direction, Mode, Rate, Verdict

Limiter = Callable[[Case, int], Stop | None]


def limit(case: Case, wish: Wish) -> Limited:
    """Return what is left of a wish, and what each limiter cut from it.

    The cluster's bounds come first, so that nobody waits for what they forbid anyway,
    and last, because they hold always; only shadow mode comes after them.
    """
    stops: list[Stop] = []
    size = goal = _cut(case, wish.size, ALWAYS[:1], stops)
    # What a schedule sets at its time is an order, not a reaction: no window delays it.
    ordered = case.due is not None and wish.size == case.due.desired
    if direction(case.crew.desired, size) is wish.verdict and not ordered:
        size = _cut(case, size, LIMITERS[wish.verdict], stops)
    size = _cut(case, size, ALWAYS, stops)
    return Limited(size=size, goal=goal, stops=stops)


def _cut(case: Case, size: int, limiters: Sequence[Limiter], stops: list[Stop]) -> int:
    for limiter in limiters:
        stop = limiter(case, size)
        if stop is not None:
            stops.append(stop)
            size = stop.cut.after
            if size == case.crew.desired:
                break  # nothing is left to cut
    return size


def out_window(case: Case, size: int) -> Stop | None:
    window = case.rules.out_window_s or 0.0
    if window <= 0:
        return None
    start, recent = case.now - timedelta(seconds=window), case.past.recommended
    seen = [each for each in recent if each.at > start]
    if not recent or recent[0].at > start:
        first = recent[0].at if recent else case.now
        why = f"a high must last {window:g} s"
        return _stop("window", size, case.crew.desired, why, until=_after(first, window))
    least = min((each.size for each in seen), default=size)
    left = min(size, max(least, case.crew.desired))
    if left == size:
        return None
    last = max(each.at for each in seen if each.size <= left)
    return _stop("window", size, left, f"a high must last {window:g} s", _after(last, window))


def in_window_over(case: Case, size: int) -> Stop | None:
    """Cut to the most that was asked for within the window, or to nothing if it is not over."""
    window = in_window(case.rules, case.crew)
    if window <= 0:
        return None
    start, most, last = case.now - timedelta(seconds=window), size, case.now
    oldest = case.now
    for each in reversed(case.past.recommended):
        oldest = each.at
        if each.at <= start:
            break
        if each.size > most:
            most, last = min(each.size, case.crew.desired), each.at
            if most == case.crew.desired:
                why = f"a low must last {window:g} s"
                return _stop("window", size, most, why, _after(last, window))
    if oldest > start:
        why = f"a low must last {window:g} s"
        return _stop("window", size, case.crew.desired, why, _after(oldest, window))
    if most == size:
        return None
    return _stop(
        "window", size, most, f"{most} asked for within {window:g} s", _after(last, window)
    )


def rate_out(case: Case, size: int) -> Stop | None:
    return _tightest(case, size, Direction.OUT)


def rate_in(case: Case, size: int) -> Stop | None:
    return _tightest(case, size, Direction.IN)


def _tightest(case: Case, size: int, way: Direction) -> Stop | None:
    stops = [_rated(case, size, rate) for rate in case.rules.rates if rate.direction is way]
    return min(
        (stop for stop in stops if stop is not None),
        key=lambda stop: abs(stop.cut.after - case.crew.desired),
        default=None,
    )


def _rated(case: Case, size: int, rate: Rate) -> Stop | None:
    """Count from the size at the period's start, as if what was done since were undone."""
    now, desired = case.now, case.crew.desired
    recent = _recent(case.past.changes, now - timedelta(seconds=rate.period_s))
    sign = 1 if rate.direction is Direction.OUT else -1
    steps = [change for change in recent if (change.after - change.before) * sign > 0]
    start = max(0, desired - sum(change.after - change.before for change in steps))
    rounded = ceil if sign > 0 else floor
    most = max(rate.members, int(rounded(start * rate.percent / 100)))
    left = max(start + most, desired) if sign > 0 else min(max(start - most, 0), desired)
    if (size - left) * sign <= 0:
        return None
    until = _after(steps[0].at if steps else now, rate.period_s)
    why = f"limited to {'+' if sign > 0 else '-'}{most}/{rate.period_s:g} s"
    return _stop("rate", size, left, why, until)


def flap(case: Case, size: int) -> Stop | None:
    """Cut to the smallest size at which no rule would ask for more under the same load.

    A rule counts here whether it is the one that asked or not.
    """
    fewest = max((vote.fewest for vote in case.votes), default=0)
    if fewest <= size:
        return None
    after = min(fewest, case.crew.desired)
    worst = max(case.votes, key=lambda vote: vote.fewest)
    again = worst.signal.said(worst.high)
    return _stop("flap", size, after, f"{size} would exceed {worst.signal.label} {again} again")


def warm_up(case: Case, size: int) -> Stop | None:
    """Hold while what was ordered lately is still on the way; not for ever if it never comes."""
    if not case.crew.warming:
        return None
    patience = BOOTS_PER_WINDOW * case.boot_s + (case.rules.warm_up_s or 0.0)
    grown = [change for change in case.past.changes if change.after > change.before]
    if not grown or case.now >= _after(grown[-1].at, patience):
        return None
    count = case.crew.warming
    until = _after(grown[-1].at, patience)
    why = f"{count} still warming up"
    return _stop("warm-up", size, case.crew.desired, why, until)


# Note [Cooldown never keeps a crowd waiting]
# A pause after a change is there to see what the change did. After a removal that
# turns out wrong, waiting it out would mean losing requests to keep a rule, so only
# removals wait. What was ordered already is counted, so additions do not pile up.
def cooldown(case: Case, size: int) -> Stop | None:
    """See Note [Cooldown never keeps a crowd waiting]."""
    pause = case.rules.cooldown_s or 0.0
    if not case.past.changes or pause <= 0:
        return None
    until = _after(case.past.changes[-1].at, pause)
    if case.now >= until:
        return None
    return _stop("cooldown", size, case.crew.desired, f"cooldown of {pause:g} s", until)


def only_out(case: Case, size: int) -> Stop | None:
    if case.rules.mode is not Mode.OUT_ONLY:
        return None
    return _stop("mode", size, case.crew.desired, "mode out-only never removes")


def shadow(case: Case, size: int) -> Stop | None:
    if case.rules.mode is not Mode.SHADOW or size == case.crew.desired:
        return None
    return _stop("mode", size, case.crew.desired, "mode shadow changes nothing")


def bounds(case: Case, size: int) -> Stop | None:
    """Bring a size within the cluster's bounds, which schedules and forecast may narrow."""
    crew, calendar = case.crew, case.calendar
    high = crew.high if calendar.high is None else max(min(crew.high, calendar.high), crew.low)
    if size > high:
        why = f"at most {high}" + (f" by {calendar.by}" if high < crew.high else "")
        return _stop("max", size, high, why)
    low = min(max(crew.low, calendar.low or 0), high)
    foreseen = min(_foreseen(case), high)
    if size < max(low, foreseen):
        if foreseen > low:
            return _stop("forecast", size, foreseen, f"a forecast wants {foreseen}")
        why = f"at least {low}" + (f" by {calendar.by}" if low > crew.low else "")
        return _stop("min", size, low, why)
    return None


def _foreseen(case: Case) -> int:
    if case.rules.floor is None or not case.rules.floor.enabled or case.crew.doubted:
        return 0
    return case.crew.foreseen or 0


LIMITERS: Mapping[Verdict, Sequence[Limiter]] = {
    Verdict.OUT: (out_window, rate_out),
    Verdict.IN: (only_out, flap, warm_up, cooldown, in_window_over, rate_in),
    Verdict.HOLD: (),
}
ALWAYS: Sequence[Limiter] = (bounds, shadow)


def _recent(changes: Sequence[Changed], since: datetime) -> list[Changed]:
    return [change for change in changes if change.at > since]


def _after(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds)


def _stop(limiter: str, before: int, after: int, why: str, until: datetime | None = None) -> Stop:
    return Stop(cut=Cut(limiter=limiter, before=before, after=after, why=why), until=until)

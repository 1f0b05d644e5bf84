"""The scaling decision: rules vote, the calendar speaks, limiters cut; start reading here."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from muster.decide.calendar import Due, in_force, just_due
from muster.decide.scaling import words
from muster.decide.scaling.case import Case, Limited, Wish, direction, memory
from muster.decide.scaling.limits import limit
from muster.decide.scaling.signals import Signal, read_all
from muster.decide.scaling.votes import Vote, vote_all
from muster.model.scaling import (
    Changed,
    Crew,
    Cut,
    Decision,
    Metric,
    Past,
    Recommended,
    Sample,
    Scaling,
    Verdict,
)

CATCH_UP = timedelta(minutes=5)  # a schedule's size this old is still set by who knows no past


def react(
    rules: Scaling, samples: Sequence[Sample], past: Past, crew: Crew, now: datetime
) -> Decision:
    """Return what size the cluster should have, and why neither more nor less.

    `samples` come oldest first. Any one rule may ask for more; for less all must, each
    with a reading that is young. `past` is what `remembered` made of the decisions
    before; without it nothing is ever removed before a whole window has been watched.
    """
    signals = read_all(rules, samples, now)
    case = Case(
        rules=rules,
        past=past,
        crew=crew,
        now=now,
        votes=vote_all(rules, signals, crew),
        calendar=in_force(rules.schedules, now),
        due=_due(rules, past, now),
    )
    wish = _wish(case)
    return _decision(case, wish, limit(case, wish), _inputs(rules, crew, signals))


def remembered(past: Past, decision: Decision, rules: Scaling, crew: Crew, now: datetime) -> Past:
    """Return the past with `decision` in it, as the next `react` wants it.

    What no limiter can ask about any more is dropped. See Note [Ends of a run].
    """
    since = now - memory(rules, crew)
    newest = Recommended(at=now, size=decision.wanted)
    changes = tuple(change for change in past.changes if change.at > since)
    if decision.after != decision.before:
        changes += (Changed(at=now, before=decision.before, after=decision.after),)
    return Past(changes=changes, recommended=_run(_since(past.recommended, since), newest))


# Note [Ends of a run]
# Windows ask for the most or the least that was asked for since a moment, and how far
# back the watch goes. Of equal sizes in a row the first and the last answer all of
# that, so a quiet cluster remembers two of them and not three hundred.
def _run(kept: Sequence[Recommended], newest: Recommended) -> tuple[Recommended, ...]:
    """See Note [Ends of a run]."""
    if len(kept) >= 2 and kept[-1].size == kept[-2].size == newest.size:
        return (*kept[:-1], newest)
    return (*kept, newest)


def _since(recommended: Sequence[Recommended], since: datetime) -> Sequence[Recommended]:
    """Drop what is older, but for the newest of those: it shows that somebody watched."""
    for place, each in enumerate(recommended):
        if each.at > since:
            return recommended[max(place - 1, 0) :]
    return recommended[-1:]


def repeats(earlier: Decision, later: Decision) -> bool:
    """Return whether `later` is the same hold as `earlier`, but for the numbers of the moment."""
    return (
        earlier.verdict is later.verdict is Verdict.HOLD
        and (earlier.before, earlier.wanted) == (later.before, later.wanted)
        and [cut.limiter for cut in earlier.cuts] == [cut.limiter for cut in later.cuts]
    )


def _due(rules: Scaling, past: Past, now: datetime) -> Due | None:
    if not rules.schedules:
        return None
    since = past.recommended[-1].at if past.recommended else now - CATCH_UP
    return just_due(rules.schedules, since, now)


def _wish(case: Case) -> Wish:
    """Fold the votes: more if any says so, less only if all do, and a schedule above both."""
    wish = _voted(case)
    if case.due is None or (wish.verdict is Verdict.OUT and wish.size > case.due.desired):
        return wish
    size = case.due.desired
    return Wish(verdict=direction(case.crew.desired, size), size=size)


# Note [The largest size wins]
# A vote to hold asks for the present size. So the largest size asked for is more than
# that if any rule wants more, and less only if all want less; one that cannot see holds.
def _voted(case: Case) -> Wish:
    """See Note [The largest size wins]."""
    votes, desired = case.votes, case.crew.desired
    if not votes:
        return Wish(verdict=Verdict.HOLD, size=desired)
    most = max(votes, key=lambda vote: vote.size)
    if most.verdict is not Verdict.HOLD:
        return Wish(verdict=most.verdict, size=most.size, vote=most)
    blind = next((vote for vote in votes if vote.blind), None)
    return Wish(verdict=Verdict.HOLD, size=desired, vote=_telling(votes), blind=blind)


def _telling(votes: Sequence[Vote]) -> Vote:
    """Of votes that do not agree on less, return the first that keeps the size."""
    return next((vote for vote in votes if vote.verdict is Verdict.HOLD), votes[0])


def _decision(
    case: Case, wish: Wish, limited: Limited, inputs: Mapping[str, float | None]
) -> Decision:
    before, size = case.crew.desired, limited.size
    until = max((stop.until for stop in limited.stops if stop.until), default=None)
    cuts = tuple(stop.cut for stop in limited.stops)
    sentence, formula = words.told(case, wish, limited)
    if wish.blind is not None:
        why = wish.blind.signal.missing()
        cuts = (Cut(limiter="missing data", before=before, after=before, why=why), *cuts)
    return Decision(
        verdict=direction(before, size),
        before=before,
        wanted=wish.size,
        after=size,
        reason=sentence,
        formula=formula,
        inputs=inputs,
        cuts=cuts,
        mode=case.rules.mode,
        next_at=until or case.calendar.next_at,
        next_how=words.next_how(case, wish, limited) if until or case.calendar.by else "",
        outlook=case.crew.outlook if case.rules.floor else "",
    )


def _inputs(
    rules: Scaling, crew: Crew, signals: Mapping[Metric, Signal]
) -> Mapping[str, float | None]:
    inputs: dict[str, float | None] = {
        "desired": crew.desired,
        "ready": crew.ready,
        "warming": crew.warming,
        "draining": crew.draining,
    }
    for metric, signal in signals.items():
        inputs[metric.value] = signal.value
        inputs[f"{metric.value}_age_s"] = signal.age_s
    if rules.floor is not None:
        inputs["foreseen"] = crew.foreseen
    return inputs

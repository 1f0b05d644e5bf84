"""What `react` never does, and what it always does, whatever it is given."""

from dataclasses import replace
from datetime import timedelta
from math import ceil

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from decide.readings import NOW, ago
from muster.decide.scaling import react, remembered
from muster.model.scaling import (
    Changed,
    Crew,
    Direction,
    Floor,
    Metric,
    Mode,
    Past,
    Rate,
    Recommended,
    Sample,
    Scaling,
    StepBand,
    Steps,
    Target,
    Thresholds,
    Verdict,
)

# Other work on the machine is no fault of a decision.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

METRICS = st.sampled_from([Metric.CPU, Metric.REQUESTS])
SHARES = st.floats(0.0, 1.0, allow_nan=False)
COUNTS = st.integers(0, 50)


@st.composite
def thresholds(draw: st.DrawFn) -> Thresholds:
    low = draw(st.floats(0.0, 0.8))
    return Thresholds(metric=draw(METRICS), low=low, high=low + draw(st.floats(0.01, 0.5)))


@st.composite
def steps(draw: st.DrawFn) -> Steps:
    above = sorted(draw(st.sets(st.integers(0, 20), min_size=1, max_size=4)))
    changes = sorted(draw(st.lists(st.integers(-4, 6), min_size=len(above), max_size=len(above))))
    bands = (StepBand(above=a / 20, change=c) for a, c in zip(above, changes, strict=True))
    return Steps(metric=draw(METRICS), bands=tuple(bands))


targets = st.builds(
    Target, metric=METRICS, value=st.floats(0.05, 0.9), tolerance=st.floats(0.0, 0.5)
)
rates = st.builds(
    Rate,
    direction=st.sampled_from(Direction),
    members=st.integers(0, 5),
    percent=st.integers(0, 150),
    period_s=st.floats(1, 100),
)


@st.composite
def rules(draw: st.DrawFn) -> Scaling:
    return Scaling(
        mode=draw(st.sampled_from(list(Mode))),
        thresholds=tuple(draw(st.lists(thresholds(), max_size=2))),
        targets=tuple(draw(st.lists(targets, max_size=2))),
        steps=tuple(draw(st.lists(steps(), max_size=1))),
        floor=draw(st.none() | st.builds(Floor, enabled=st.booleans())),
        rates=tuple(draw(st.lists(rates, max_size=3))),
        cooldown_s=draw(st.none() | st.floats(0, 100)),
        out_window_s=draw(st.none() | st.floats(0, 100)),
        in_window_s=draw(st.none() | st.floats(0, 100)),
    )


@st.composite
def crews(draw: st.DrawFn) -> Crew:
    low = draw(st.integers(0, 20))
    desired, ready = draw(COUNTS), draw(COUNTS)
    return Crew(
        desired=desired,
        ready=ready,
        warming=max(desired - ready, 0),
        low=low,
        high=low + draw(st.integers(0, 40)),
        foreseen=draw(st.none() | COUNTS),
    )


@st.composite
def samples(draw: st.DrawFn) -> list[Sample]:
    count = draw(st.integers(0, 6))
    return [
        Sample(
            metric=draw(METRICS),
            at=ago(draw(st.floats(0, 80))),
            mean=draw(st.none() | SHARES),
            members=draw(COUNTS),
        )
        for _ in range(count)
    ]


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    moments = sorted(draw(st.lists(st.floats(0.1, 200), max_size=6)), reverse=True)
    recommended = tuple(Recommended(at=ago(each), size=draw(COUNTS)) for each in moments)
    changes = tuple(
        Changed(at=ago(each), before=draw(COUNTS), after=draw(COUNTS)) for each in moments[:3]
    )
    return Past(changes=changes, recommended=recommended)


def in_order(seen: list[Sample]) -> list[Sample]:
    return sorted(seen, key=lambda sample: sample.at)


@patient
@given(rules(), samples(), pasts(), crews())
def test_it_never_leaves_the_bounds(rules: Scaling, seen: list[Sample], past: Past, crew: Crew):
    decision = react(rules, in_order(seen), past, crew, NOW)
    if rules.mode is Mode.SHADOW:
        assert decision.after == crew.desired
    else:
        assert crew.low <= decision.after <= crew.high


@patient
@given(rules(), samples(), pasts(), crews())
def test_it_never_removes_while_data_is_missing(
    rules: Scaling, seen: list[Sample], past: Past, crew: Crew
):
    named = {rule.metric for rule in (*rules.thresholds, *rules.targets, *rules.steps)}
    ordered = in_order(seen)
    newest = {sample.metric: sample for sample in ordered}
    blind = [
        metric
        for metric in named
        if metric not in newest
        or newest[metric].mean is None
        or NOW - newest[metric].at > timedelta(seconds=60)
    ]
    assume(blind or not named)
    decision = react(rules, ordered, past, crew, NOW)
    assert decision.after >= min(crew.desired, crew.high)


@patient
@given(rules(), samples(), pasts(), crews())
def test_it_removes_only_if_every_rule_by_itself_would(
    rules: Scaling, seen: list[Sample], past: Past, crew: Crew
):
    ordered = in_order(seen)
    assume(crew.low <= crew.desired <= crew.high)
    if react(rules, ordered, past, crew, NOW).verdict is not Verdict.IN:
        return
    for kind in ("thresholds", "targets", "steps"):
        for rule in getattr(rules, kind):
            alone = replace(
                rules, **{"thresholds": (), "targets": (), "steps": ()} | {kind: (rule,)}
            )
            assert react(alone, ordered, past, crew, NOW).wanted < crew.desired


@patient
@given(rules(), samples(), pasts(), crews())
def test_the_same_input_gives_the_same_answer(
    rules: Scaling, seen: list[Sample], past: Past, crew: Crew
):
    ordered = in_order(seen)
    first = react(rules, ordered, past, crew, NOW)
    assert react(rules, ordered, past, crew, NOW) == first


@patient
@given(rules(), pasts(), crews(), SHARES, SHARES)
def test_more_load_never_leads_to_fewer_members(
    rules: Scaling, past: Past, crew: Crew, one: float, other: float
):
    def after(mean: float) -> int:
        seen = [Sample(metric=m, at=NOW, mean=mean, members=crew.ready) for m in Metric]
        return react(rules, seen, past, crew, NOW).after

    assert after(min(one, other)) <= after(max(one, other))


@patient
@given(rules(), crews(), SHARES)
def test_what_it_did_is_not_undone_under_the_same_load(rules: Scaling, crew: Crew, mean: float):
    """The plan applied to the predicted result is empty, or goes on the same way."""
    hasty = replace(rules, rates=(), cooldown_s=0, in_window_s=0, out_window_s=0, floor=None)
    still = replace(crew, ready=crew.desired, warming=0)
    assume(still.desired and still.low <= still.desired <= still.high)

    def decided(crew: Crew, load: float) -> tuple[Verdict, int]:
        each = load / max(crew.ready, 1)
        seen = [Sample(metric=m, at=NOW, mean=each, members=crew.ready) for m in Metric]
        decision = react(hasty, seen, Past(), crew, NOW)
        return decision.verdict, decision.after

    load = mean * still.ready
    verdict, after = decided(still, load)
    again, _ = decided(replace(still, desired=after, ready=after), load)
    if verdict is Verdict.IN:
        assert again is not Verdict.OUT
    if verdict is Verdict.OUT and not hasty.steps:
        assert again is not Verdict.IN or _below_any_low(hasty, load / after)


def _below_any_low(rules: Scaling, mean: float) -> bool:
    """Rounding up may leave one member more than a narrow band can bear."""
    bands = [(pair.low, (pair.low + pair.high) / 2) for pair in rules.thresholds]
    bands += [(each.value * (1 - each.tolerance), each.value) for each in rules.targets]
    return any(mean < low for low, _ in bands)


@patient
@given(rules(), samples(), pasts(), crews())
def test_every_decision_says_why_and_its_cuts_add_up(
    rules: Scaling, seen: list[Sample], past: Past, crew: Crew
):
    decision = react(rules, in_order(seen), past, crew, NOW)
    assert decision.reason
    size = decision.wanted
    for cut in decision.cuts:
        if cut.limiter != "missing data":
            assert cut.before == size
            assert cut.why
            size = cut.after
    assert size == decision.after


@patient
@given(rules(), st.lists(st.none() | SHARES, min_size=1, max_size=40), st.integers(1, 20))
def test_forgetting_changes_no_answer(rules: Scaling, means: list[float | None], desired: int):
    """A past that forgets decides as one that keeps everything."""
    short, whole, size = Past(), Past(), desired
    for tick, mean in enumerate(means):
        now = NOW + timedelta(seconds=15 * tick)
        crew = Crew(desired=size, ready=size, low=1, high=60, boot_s=20)
        seen = [Sample(metric=metric, at=now, mean=mean, members=size) for metric in Metric]
        decision = react(rules, seen, short, crew, now)
        assert decision == react(rules, seen, whole, crew, now)
        short = remembered(short, decision, rules, crew, now)
        whole = Past(
            changes=whole.changes
            + ((Changed(at=now, before=size, after=decision.after),) * (decision.after != size)),
            recommended=(*whole.recommended, Recommended(at=now, size=decision.wanted)),
        )
        size = decision.after
    assert len(short.recommended) <= ceil(300 / 15) + 2

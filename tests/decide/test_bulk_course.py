"""Who is next in a bulk update: in order, so many at once, and by how it went so far."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW
from bulks import a_bulk
from muster.base.errors import IllegalTransition
from muster.decide.bulk.course import Broken, Seen, Step, Task, course, ended
from muster.model.bulk import ENDED, Bulk, BulkStatus, OnFailure, TurnStatus

OFF, ON = {"services/multipath": {}}, {"services/multipath": {"wwns": ["0x1"]}}
T, S = Task, TurnStatus


def played(bulk: Bulk, failing: dict[tuple[Task, str], Broken]) -> tuple[Bulk, list[Step]]:
    """Carry an update on, the first step of all first; return how it ended, and what was done."""
    done = []
    for number in range(100):
        now = course(bulk, NOW + timedelta(seconds=number))
        bulk = now.bulk
        if not now.steps:
            return bulk, done
        step = now.steps[0]
        done.append(step)
        good = Seen(before=OFF, after=ON)
        came = failing.get((step.task, step.name), good)
        bulk = ended(bulk, step, came, NOW)
    raise AssertionError("it does not come to an end")


def statuses(bulk: Bulk) -> list[str]:
    return [str(each.status) for each in bulk.servers]


SECOND = {(T.APPLY, "m2"): Broken("no", told=True)}


def test_all_are_changed_one_after_the_other():
    bulk, done = played(a_bulk("m3", "m1", "m2"), {})
    assert (bulk.status, statuses(bulk)) == (BulkStatus.DONE, ["changed"] * 3)
    one = [(T.LOOK, T.APPLY)] * 3
    assert [(a.task, b.task) for a, b in zip(done[::2], done[1::2], strict=True)] == one
    assert [each.name for each in done[::2]] == ["m1", "m2", "m3"]


@pytest.mark.parametrize(
    ("policy", "wanted", "end"),
    [
        (OnFailure.REVERT, ["reverted", "failed", "skipped"], BulkStatus.REVERTED),
        (OnFailure.STOP, ["changed", "failed", "skipped"], BulkStatus.FAILED),
        (OnFailure.CONTINUE, ["changed", "failed", "changed"], BulkStatus.FAILED),
    ],
)
def test_when_the_second_of_three_fails(policy, wanted, end):
    bulk, done = played(a_bulk("m1", "m2", "m3", on_failure=policy), SECOND)
    assert (statuses(bulk), bulk.status) == (wanted, end)
    assert bulk.turn("m2").error == "no"
    back = [each.name for each in done if each.task is T.RESTORE]
    assert back == (["m2", "m1"] if policy is OnFailure.REVERT else [])


def test_who_was_told_nothing_is_not_set_back():
    failing = {(T.LOOK, "m2"): Broken("no answer")}
    bulk, done = played(a_bulk("m1", "m2", "m3"), failing)
    assert statuses(bulk) == ["reverted", "failed", "skipped"]
    assert [each.name for each in done if each.task is T.RESTORE] == ["m1"]


def test_who_cannot_be_set_back_is_told_with_both_reasons():
    failing = {**SECOND, (T.RESTORE, "m2"): Broken("gone"), (T.RESTORE, "m1"): Broken("gone, too")}
    bulk, _ = played(a_bulk("m1", "m2", "m3"), failing)
    assert (bulk.status, statuses(bulk)) == (
        BulkStatus.FAILED,
        ["revert_failed", "revert_failed", "skipped"],
    )
    assert bulk.turn("m2").error == "no; and it could not be set back: gone"
    assert bulk.turn("m1").error == "it could not be set back: gone, too"


def test_who_is_so_already_is_unchanged_and_never_set_back():
    bulk = a_bulk("m1", "m2")
    first = course(bulk, NOW)
    bulk = ended(first.bulk, first.steps[0], Seen(before=ON, after=ON), NOW)
    bulk, done = played(bulk, SECOND)
    assert statuses(bulk) == ["unchanged", "failed"]
    assert [each.name for each in done if each.task is T.RESTORE] == ["m2"]


def test_so_many_are_at_it_at_once_and_the_next_begins_when_one_ends():
    bulk = a_bulk("m1", "m2", "m3", "m4", parallel=2)
    first = course(bulk, NOW)
    assert [each.name for each in first.steps] == ["m1", "m2"]
    same = Seen(before=ON, after=ON)
    bulk = ended(first.bulk, first.steps[1], same, NOW)
    assert [each.name for each in course(bulk, NOW).steps] == ["m1", "m3"]


def test_who_is_at_it_while_another_fails_ends_first_and_who_was_only_looked_at_is_left_out():
    bulk = course(a_bulk("m1", "m2", "m3", "m4", parallel=3), NOW).bulk
    for name in ("m1", "m2"):
        bulk = ended(bulk, Step(T.LOOK, name), Seen(before=OFF, after=ON), NOW)
    bulk = ended(bulk, Step(T.APPLY, "m2"), Broken("no"), NOW)
    now = course(bulk, NOW)
    assert statuses(now.bulk) == ["running", "failed", "skipped", "skipped"]
    assert now.steps == (Step(T.APPLY, "m1"),)
    late = ended(now.bulk, Step(T.LOOK, "m3"), Seen(before=OFF, after=ON), NOW)
    assert late == now.bulk
    bulk = ended(now.bulk, now.steps[0], Seen(before=OFF, after=ON), NOW)
    assert course(bulk, NOW).steps == (Step(T.RESTORE, "m1"),)


def test_what_is_over_keeps_no_secrets():
    key = {"services/tailscale": {"auth_key": "tskey"}}
    bulk = a_bulk("m1", action="set_service", arguments={"config": {"auth_key": "tskey"}})
    first = course(bulk, NOW)
    bulk = ended(first.bulk, first.steps[0], Seen(before=key, after=key), NOW)
    over = course(bulk, NOW).bulk
    assert over.status is BulkStatus.DONE
    assert "tskey" not in repr(over)
    assert over.arguments["config"]["auth_key"]["set"] is True


def test_an_end_is_an_end():
    bulk, _ = played(a_bulk("m1"), {})
    with pytest.raises(IllegalTransition):
        bulk.turned(BulkStatus.RUNNING)
    with pytest.raises(IllegalTransition):
        bulk.turn("m1").turned(S.WAITING)
    assert course(bulk, NOW).steps == ()


FATES = st.sampled_from(["good", "same", "look", "told", "untold", "restore"])


@given(
    fates=st.lists(FATES, min_size=1, max_size=5),
    policy=st.sampled_from(list(OnFailure)),
    parallel=st.integers(1, 4),
    picks=st.lists(st.integers(0, 9), max_size=40),
)
def test_whatever_happens_it_ends_and_who_is_said_to_be_changed_is(fates, policy, parallel, picks):
    names = [f"m{number}" for number in range(len(fates))]
    fate = dict(zip(names, fates, strict=True))
    world = dict.fromkeys(names, OFF)
    bulk = a_bulk(*names, on_failure=policy, parallel=parallel)
    order = iter([*picks, *([0] * 100)])
    while (now := course(bulk, NOW)).steps:
        bulk = now.bulk
        assert len(now.steps) <= parallel
        step = now.steps[next(order) % len(now.steps)]
        bulk = ended(bulk, step, _fare(step, fate[step.name], world), NOW)
    bulk = now.bulk
    assert bulk.status in ENDED
    for turn in bulk.servers:
        if turn.status is S.CHANGED:
            assert world[turn.name] == ON
        if turn.status in (S.REVERTED, S.SKIPPED):
            assert world[turn.name] == OFF
    if bulk.status is BulkStatus.REVERTED:
        assert set(map(str, world.values())) == {str(OFF)}
    if policy is not OnFailure.REVERT:
        assert not {"reverted", "revert_failed"} & set(statuses(bulk))


def _fare(step: Step, fate: str, world: dict[str, object]) -> Seen | Broken:
    if step.task is T.LOOK:
        if fate == "look":
            return Broken("silent")
        return Seen(before=OFF, after=OFF if fate == "same" else ON)
    if step.task is T.RESTORE:
        if fate == "restore":
            return Broken("gone", told=True)
        world[step.name] = OFF
        return Seen(before=ON, after=OFF)
    if fate == "untold":
        return Broken("refused")
    world[step.name] = ON
    return Broken("half", told=True) if fate in ("told", "restore") else Seen(before=OFF, after=ON)

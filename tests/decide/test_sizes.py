"""Sizes by resizing and by scaling policies, as the clustering API reckons."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import LONG_AGO, NOW, WEB, a_cluster
from muster.decide.admit import Sizes
from muster.decide.policies import POLICY_TYPES
from muster.decide.sizes import (
    Adjustment,
    Resize,
    Scale,
    calc,
    cooling,
    cooling_text,
    resized,
    scale,
)
from muster.decide.specs import checked
from muster.model.action import Verb
from muster.model.capacity import Refusal
from muster.model.policy import Binding
from muster.model.policy_type import Attached

EXACT, CHANGE, PERCENT = Adjustment
OUT, IN = Verb.CLUSTER_SCALE_OUT, Verb.CLUSTER_SCALE_IN
SCALING = POLICY_TYPES["senlin.policy.scaling-1.0"]


@pytest.mark.parametrize(
    ("current", "adjustment", "number", "step", "size"),
    [
        (3, EXACT, 7.9, None, 7),
        (3, CHANGE, -2, None, 1),
        (10, PERCENT, 25, None, 12),
        (10, PERCENT, -25, None, 8),
        (3, PERCENT, 10, None, 4),  # a part of a node is one
        (3, PERCENT, -10, None, 2),
        (10, PERCENT, 10, 3, 13),
        (10, PERCENT, -10, 3, 7),
        (0, PERCENT, 50, 2, 0),  # no change has no direction: see Note [Percentages]
        (5, PERCENT, 0, 2, 5),
    ],
)
def test_an_adjustment_leads_to_a_size(current, adjustment, number, step, size):
    assert calc(current, adjustment, number, step) == size


@given(st.integers(0, 1000), st.floats(-200, 200), st.integers(0, 20))
def test_a_percentage_never_changes_a_cluster_the_wrong_way(current, number, step):
    change = calc(current, PERCENT, number, step) - current
    assert change * number >= 0


def sized(desired=3, low=1, high=5):
    return a_cluster(desired=desired, min_size=low, max_size=high)


@pytest.mark.parametrize(
    ("ask", "after"),
    [
        (Resize(adjustment=CHANGE, number=2), Sizes(desired=5, low=1, high=5)),
        (Resize(low=2, high=-1), Sizes(desired=3, low=2, high=-1)),
        (Resize(adjustment=EXACT, number=9, strict=False), Sizes(desired=5, low=1, high=5)),
        (Resize(adjustment=EXACT, number=0, strict=False), Sizes(desired=1, low=1, high=5)),
        (Resize(adjustment=EXACT, number=8, high=9), Sizes(desired=8, low=1, high=9)),
    ],
)
def test_a_resize_brings_size_and_bounds(ask, after):
    assert resized(sized(), 3, ask) == after


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (
            Resize(adjustment=CHANGE, number=3),
            "The target capacity (6) is greater than the cluster's max_size (5).",
        ),
        (
            Resize(adjustment=EXACT, number=8, high=7, strict=False),
            "The target capacity (8) is greater than the specified max_size (7).",
        ),
        (
            Resize(adjustment=EXACT, number=1, low=2, strict=False),
            "The target capacity (1) is less than the specified min_size (2).",
        ),
    ],
)
def test_a_resize_is_refused_in_the_words_of_the_api(ask, text):
    assert resized(sized(), 3, ask) == Refusal(text)


@given(st.sampled_from(Adjustment), st.integers(-20, 20), st.integers(0, 9), st.integers(0, 9))
def test_whatever_is_asked_for_a_resize_stays_within_bounds(adjustment, number, current, low):
    cluster = sized(desired=current, low=low, high=low + 4)
    for strict in (True, False):
        after = resized(
            cluster, current, Resize(adjustment=adjustment, number=number, strict=strict)
        )
        if isinstance(after, Sizes):
            assert low <= after.desired <= low + 4
        else:
            assert strict, "without strict only the bounds of the request itself bind"


def a_policy(event=OUT, last_op=None, enabled=True, number=1, **adjustment):
    said = {"event": str(event), "adjustment": {"number": number} | adjustment}
    binding = Binding(
        id=UUID(int=number),
        project="demo",
        cluster_id=WEB,
        policy_id=UUID(int=500 + number),
        policy_type=SCALING.key,
        policy_name=f"by-{number}",
        enabled=enabled,
        priority=SCALING.priority,
        last_op=last_op,
        created_at=LONG_AGO,
    )
    return Attached(type=SCALING, binding=binding, properties=checked(SCALING.schema, said))


def asked(verb=OUT, count=None):
    return Scale(verb=verb, count=count, now=NOW)


@pytest.mark.parametrize(
    ("verb", "count", "desired"),
    [(OUT, None, 4), (OUT, 2, 5), (OUT, "2", 5), (IN, None, 2), (IN, 2, 1)],
)
def test_without_a_policy_a_cluster_scales_by_the_count_or_by_one(verb, count, desired):
    found = scale(sized(), 3, [], asked(verb, count))
    assert (found.desired, found.timed) == (desired, ())


@pytest.mark.parametrize("count", [0, -1, "many", True, 1.5, [], "0"])
def test_a_count_that_is_none_fails(count):
    found = scale(sized(), 3, [], asked(OUT, count))
    assert found == Refusal(f"Invalid count ({count}) for action 'CLUSTER_SCALE_OUT'.")


def test_more_than_there_are_are_not_taken_away():
    assert scale(sized(low=0), 3, [], asked(IN, 9)).desired == 0


def test_bounds_hold_without_a_policy():
    assert "max_size (5)" in scale(sized(), 3, [], asked(OUT, 3)).reason
    assert "min_size (1)" in scale(sized(), 3, [], asked(IN, 3)).reason


@pytest.mark.parametrize(
    ("policy", "verb", "desired"),
    [
        (a_policy(number=2), OUT, 5),
        (a_policy(IN, number=2), IN, 1),
        (a_policy(number=5, type="EXACT_CAPACITY"), OUT, 5),
        (a_policy(IN, number=1, type="EXACT_CAPACITY"), IN, 1),
        (a_policy(number=50, type="CHANGE_IN_PERCENTAGE"), OUT, 4),
        (a_policy(number=10, type="CHANGE_IN_PERCENTAGE", min_step=2), OUT, 5),
        (a_policy(number=4, best_effort=True), OUT, 5),
        (a_policy(IN, number=4, best_effort=True), IN, 1),
    ],
)
def test_a_policy_says_by_how_much(policy, verb, desired):
    found = scale(sized(), 3, [policy], asked(verb))
    assert (found.desired, found.timed) == (desired, (policy.binding.id,))


def test_a_count_in_the_request_goes_before_the_policys_number():
    assert scale(sized(), 3, [a_policy(number=2)], asked(OUT, 1)).desired == 4


def test_policies_for_the_other_direction_and_those_switched_off_have_no_say():
    silent = [a_policy(IN, number=2), a_policy(number=3, enabled=False)]
    assert scale(sized(), 3, silent, asked(OUT)).desired == 4


@pytest.mark.parametrize("number", [3, 5])
def test_what_a_policy_cannot_do_fails_with_its_name(number):
    policy = a_policy(number=number, type="EXACT_CAPACITY")
    said = scale(sized(), 5, [policy], asked(OUT)).reason
    assert said.startswith(f"Policy check failure: Failed policy 'by-{number}': Invalid count (")


def test_a_policy_rests_until_its_cooldown_is_over():
    policy = a_policy(cooldown=60, last_op=NOW - timedelta(seconds=59))
    assert cooling([policy], OUT, NOW) is policy
    assert cooling([policy], IN, NOW) is None
    assert cooling([policy], OUT, NOW + timedelta(seconds=1)) is None
    assert "cooldown is still in progress" in scale(sized(), 3, [policy], asked(OUT)).reason
    assert str(policy.binding.policy_id) in cooling_text(sized(), OUT, policy)


def test_a_policy_that_found_no_room_does_not_begin_to_rest():
    found = scale(sized(desired=5), 5, [a_policy(best_effort=True)], asked(OUT))
    assert (found.desired, found.count, found.timed) == (5, 0, ())


def test_more_than_a_placement_has_room_for_fails():
    cluster = sized(high=None)
    capped = replace(cluster, placement=replace(cluster.placement, cap=4))
    assert scale(capped, 3, [], asked(OUT)).desired == 4
    said = scale(capped, 3, [], asked(OUT, 2)).reason
    assert said.endswith("There is no feasible plan to handle all nodes.")


@given(
    st.sampled_from([OUT, IN]),
    st.integers(0, 12),
    st.sampled_from(Adjustment),
    st.integers(1, 200),
    st.booleans(),
    st.none() | st.integers(-3, 20),
)
def test_scaling_never_leaves_the_bounds_nor_goes_the_other_way(
    verb, current, adjustment, number, best_effort, count
):
    cluster = sized(desired=current, low=2, high=8)
    policy = a_policy(verb, number=number, type=str(adjustment), best_effort=best_effort)
    for attached in ([policy], []):
        found = scale(cluster, current, attached, asked(verb, count))
        if isinstance(found, Refusal):
            assert found.reason
            continue
        assert (found.desired - current) * (1 if verb is OUT else -1) == found.count >= 0
        assert found.count == 0 or (found.desired <= 8 if verb is OUT else found.desired >= 2)

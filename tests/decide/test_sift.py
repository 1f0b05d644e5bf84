"""Filters of lists, as their users write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.base.errors import Invalid
from muster.decide.sift import sifted

RECORD = {
    "name": "m1",
    "status": "ready",
    "cluster": None,
    "properties": {"rack.row": "7", "weight": "12.5"},
    "used_by": ["/1.0/profiles/default"],
    "count": 3,
}
HOLD = (
    "",
    'name == "m1"',
    "name == 'm1' && status == 'ready'",
    'name == "m2" or count >= 3',
    'properties["rack.row"] == "7"',
    '"/1.0/profiles/default" in used_by',
    '"/1.0/profiles/x" not in used_by',
    'name in ["m0", "m1"]',
    'name startsWith "m" and name endsWith "1"',
    'name matches "^m[0-9]$"',
    'used_by contains "/1.0/profiles/default"',
    "toFloat64(properties.weight) > 12",
    'not (status == "offline")',
    "!(count < -1)",
    "cluster == nil",
    "nowhere.at.all == nil",
    'used_by[0] startsWith "/1.0"',
    "len(used_by) == 1",
)
FAIL = ('name == "m2"', "count", "name < 5", "nowhere.at", '"x" in cluster', "false || count > 9")


@pytest.mark.parametrize("text", HOLD)
def test_what_is_said_of_a_record_holds(text):
    assert sifted(text)(RECORD)


@pytest.mark.parametrize("text", FAIL)
def test_what_is_not_true_of_a_record_does_not_hold(text):
    assert not sifted(text)(RECORD)


@pytest.mark.parametrize(
    "text",
    [
        "name ==",
        "name = 1",
        "(name",
        'exec("x")',
        "name name",
        '"a" matches "("',
        "[1,",
        "§",
        "--1",
    ],
)
def test_what_is_no_expression_is_refused_with_the_reason(text):
    with pytest.raises(Invalid) as refused:
        sifted(text)
    assert refused.value.details["field"] == "filter"


def test_what_goes_too_deep_is_refused_before_anything_breaks():
    for text in ("(" * 1000 + "true" + ")" * 1000, "!" * 3000 + "true"):
        with pytest.raises(Invalid):
            sifted(text)


@given(st.text(alphabet="ab.[]()!=<>&|'\"0 -,not in", max_size=30))
def test_whatever_is_written_is_told_as_wrong_or_answers(text):
    try:
        holds = sifted(text)
    except Invalid:
        return
    assert holds(RECORD) in (True, False)

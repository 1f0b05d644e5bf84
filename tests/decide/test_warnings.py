"""Warnings: since when, how often, with which words, and no longer than it lasts."""

from dataclasses import replace
from datetime import timedelta

from builders import NOW
from muster.decide.warnings import MOST_MESSAGES, looked
from muster.model.warning import Finding, Kind, WarningStatus

SILENT = Finding(kind=Kind.UNREACHABLE, entity_type="server", entity="m1", message="no answer")
SECOND = timedelta(seconds=1)


def seen(*messages):
    there = ()
    for number, message in enumerate(messages):
        found = replace(SILENT, message=message)
        there = looked("server/1", there, (found,), NOW + number * SECOND).put
    return there[0]


def test_the_first_time_is_kept_and_the_last_goes_on():
    warning = seen("no answer", "no answer", "no route")
    assert (warning.first_at, warning.last_at) == (NOW, NOW + 2 * SECOND)
    assert (warning.count, warning.messages) == (3, ("no answer", "no route"))
    assert len(seen(*map(str, range(30))).messages) == MOST_MESSAGES


def test_who_knows_of_it_goes_on_knowing():
    known = replace(seen("no answer"), status=WarningStatus.ACKNOWLEDGED)
    [again] = looked("server/1", (known,), (SILENT,), NOW).put
    assert (again.id, again.status) == (known.id, WarningStatus.ACKNOWLEDGED)


def test_what_is_not_found_any_more_is_over():
    warning = seen("no answer")
    other = replace(SILENT, entity="m2")
    after = looked("server/1", (warning,), (other,), NOW)
    assert (after.over, [each.entity for each in after.put]) == ((warning,), ["m2"])

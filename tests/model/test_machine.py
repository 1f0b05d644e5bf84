"""What becomes of a machine, whatever happens to it in whatever state."""

from datetime import timedelta

import pytest

from builders import NOW
from machines import a_machine
from muster.model.machine import COURSE, Detail, Happening, Kind, MachineStatus, Standing

S, D, H = MachineStatus, Detail, Happening
LATER = NOW + timedelta(minutes=1)
# The details that each status may have.
DETAILS = {
    S.UNKNOWN: {D.NONE},
    S.UNREGISTERED: {D.NONE},
    S.PENDING: {D.REGISTERING, D.RECONFIGURING, D.RESETTING},
    S.READY: {D.NONE, D.UPDATING, D.UPDATING_APPLICATION, D.EVACUATING, D.RESTORING},
    S.OFFLINE: {D.REBOOTING, D.SHUT_DOWN, D.UNRESPONSIVE},
}


def test_the_table_says_something_of_everything_in_every_status():
    assert set(COURSE) == set(S)
    assert all(set(row) == set(H) for row in COURSE.values())


def test_it_leads_to_details_that_belong_to_their_status_only():
    led = {to for row in COURSE.values() for to in row.values() if to}
    assert all(to.detail in DETAILS[to.status] for to in led)
    assert {to.detail for to in led} == set(D)


def test_only_registering_makes_anything_of_one_that_is_expected():
    moved = {happening for happening, to in COURSE[S.UNREGISTERED].items() if to}
    assert moved == {H.REGISTERED}


def test_only_a_reset_leads_back_to_expected_and_nothing_to_unknown():
    led = {(happening, to.status) for row in COURSE.values() for happening, to in row.items() if to}
    assert {status for _, status in led} == set(S) - {S.UNKNOWN}
    assert {happening for happening, status in led if status is S.UNREGISTERED} == {H.RESET}


@pytest.mark.parametrize("status", [s for s in S if s is not S.UNREGISTERED])
def test_whoever_is_heard_of_becomes_ready_by_an_answer_or_is_it_already(status):
    machine = a_machine(status=status).met(H.ANSWERED, LATER)
    assert machine.status is S.READY


def test_silence_is_news_of_one_that_was_ready_and_of_no_other():
    assert a_machine().met(H.SILENT, LATER).detail is D.UNRESPONSIVE
    for status, detail in ((S.OFFLINE, D.REBOOTING), (S.OFFLINE, D.SHUT_DOWN)):
        away = a_machine(status=status, detail=detail)
        assert away.met(H.SILENT, LATER) == away


def test_one_that_owes_a_reset_is_ready_in_no_status_and_silence_is_news_of_it_as_of_a_ready_one():
    for status in set(S) - {S.UNREGISTERED}:
        owing = a_machine(status=status).met(H.OWES, LATER)
        assert (owing.status, owing.detail) == (S.PENDING, D.RESETTING)
        assert owing.met(H.VANISHED, LATER).detail is D.UNRESPONSIVE


def test_the_moment_of_a_turn_is_kept_and_what_is_no_turn_changes_nothing():
    turned = a_machine().met(H.UPDATE_BEGUN, NOW)
    assert (turned.turned_at, Standing(turned.status, turned.detail)) == (
        NOW,
        Standing(S.READY, D.UPDATING),
    )
    assert turned.met(H.UPDATE_BEGUN, LATER) == turned
    assert turned.met(H.ANSWERED, LATER) == turned  # it ends when that has ended
    assert turned.met(H.ENDED, LATER).detail is D.NONE


def test_what_a_machine_is_for_is_told_by_the_application_it_is_made_for():
    assert a_machine().kind is Kind.UNKNOWN
    facts = a_machine().facts.__class__(
        applications=({"name": "debug"}, {"name": "incus-lts-7.0"}, {"version": "1"})
    )
    assert a_machine(facts=facts).kind is Kind.INCUS_LTS

"""When a machine is asked, what an answer, a silence and a call of its own make of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW
from machines import a_machine
from muster.decide.machines import (
    CAUSES,
    EVERY,
    Answer,
    Call,
    answered,
    called,
    due_at,
    same,
    silent,
    wants_all,
)
from muster.model.machine import Detail, Facts, MachineStatus

S, D = MachineStatus, Detail
READY = Answer(environment={"system_is_ready": True})
FACTS = Facts(applications=({"name": "incus", "version": "6.0.4"},))


def after(seconds):
    return NOW + timedelta(seconds=seconds)


def test_there_is_an_interval_for_every_status():
    assert set(EVERY) == set(S)


@pytest.mark.parametrize(
    ("status", "detail", "polls", "seconds"),
    [
        (S.PENDING, D.REGISTERING, 0, 1),
        (S.PENDING, D.REGISTERING, 9, 1),
        (S.PENDING, D.REGISTERING, 10, 60),
        (S.READY, D.NONE, 10, 300),
        (S.READY, D.UPDATING, 10, 30),
        (S.READY, D.EVACUATING, 10, 30),
        (S.PENDING, D.RESETTING, 0, 30),
        (S.OFFLINE, D.REBOOTING, 10, 30),
        (S.OFFLINE, D.UNRESPONSIVE, 10, 10),
    ],
)
def test_it_is_asked_as_often_as_its_status_wants(status, detail, polls, seconds):
    machine = a_machine(status=status, detail=detail, polls=polls, polled_at=NOW)
    assert due_at(machine) == after(seconds)


def test_who_was_never_asked_is_due_at_once_and_who_is_nowhere_never():
    assert due_at(a_machine()) == NOW
    assert due_at(a_machine(connection_url="")) is None
    assert due_at(a_machine(status=S.UNREGISTERED)) is None


def test_everything_is_asked_of_one_that_is_new_and_once_an_hour():
    assert wants_all(a_machine(), NOW)
    assert wants_all(a_machine(status=S.PENDING, whole_at=NOW), NOW)
    assert not wants_all(a_machine(status=S.PENDING, detail=D.RESETTING), NOW)
    assert not wants_all(a_machine(whole_at=NOW), after(3599))
    assert wants_all(a_machine(whole_at=NOW), after(3600))


def test_an_answer_makes_it_ready_with_what_it_told():
    new = a_machine(status=S.PENDING, detail=D.REGISTERING, reason="no answer")
    seen = answered(new, Answer(environment={"system_is_ready": True}, facts=FACTS), after(1))
    assert (seen.status, seen.detail, seen.reason) == (S.READY, D.NONE, "")
    assert (seen.facts, seen.whole_at, seen.polls) == (FACTS, after(1), 1)


@pytest.mark.parametrize(
    ("environment", "status"),
    [
        ({"system_is_ready": False, "uptime": 900}, S.PENDING),
        ({"uptime": 119}, S.PENDING),
        ({"uptime": 120}, S.READY),
        ({}, S.PENDING),
        ({"uptime": "long"}, S.PENDING),
    ],
)
def test_one_that_says_nothing_of_being_ready_is_so_after_a_while(environment, status):
    new = a_machine(status=S.PENDING, detail=D.REGISTERING)
    assert answered(new, Answer(environment=environment), NOW).status is status


@pytest.mark.parametrize("detail", [D.REBOOTING, D.SHUT_DOWN])
def test_one_that_goes_down_may_still_answer_for_a_moment(detail):
    away = a_machine(status=S.OFFLINE, detail=detail, turned_at=NOW)
    assert answered(away, READY, after(29)).status is S.OFFLINE
    assert answered(away, READY, after(30)).status is S.READY


def test_silence_is_kept_with_its_reason_and_leaves_what_was_known():
    known = a_machine(facts=FACTS, seen_at=NOW)
    gone = silent(known, "no route", after(5))
    assert (gone.status, gone.detail, gone.reason) == (S.OFFLINE, D.UNRESPONSIVE, "no route")
    assert (gone.facts, gone.seen_at, gone.polled_at) == (FACTS, NOW, after(5))


@pytest.mark.parametrize(
    ("cause", "status", "detail"),
    [
        ("", S.READY, D.UPDATING),
        ("system-is-ready", S.READY, D.NONE),
        ("application-update-applied", S.READY, D.NONE),
        ("system-reboot-triggered", S.OFFLINE, D.REBOOTING),
        ("system-shutdown-triggered", S.OFFLINE, D.SHUT_DOWN),
        ("suspend-triggered", S.OFFLINE, D.SHUT_DOWN),
        ("storage-config-changed", S.READY, D.UPDATING),
    ],
)
def test_a_call_means_what_the_table_says(cause, status, detail):
    machine = called(a_machine(detail=D.UPDATING), cause, "", after(1))
    assert (machine.status, machine.detail, machine.seen_at) == (status, detail, after(1))


def test_one_that_reports_back_is_asked_at_once_and_ready_when_it_answers():
    """Its agent is there; its Incus may be starting."""
    away = a_machine(status=S.OFFLINE, detail=D.REBOOTING, turned_at=NOW, polled_at=NOW)
    back = called(away, "system-is-ready", "", after(5))
    assert (back.status, back.detail, due_at(back)) == (
        S.OFFLINE,
        D.UNRESPONSIVE,
        back.created_at,
    )
    assert answered(back, READY, after(6)).status is S.READY


def test_one_that_has_registered_and_says_that_it_is_ready_is_asked_before_it_is():
    """Else it would be ready, and nothing known of it: no network, no Incus."""
    new = a_machine(status=S.PENDING, detail=D.REGISTERING, polled_at=NOW)
    heard = called(new, "system-is-ready", "", after(1))
    assert (heard.status, heard.detail, due_at(heard)) == (S.PENDING, D.REGISTERING, new.created_at)
    seen = answered(heard, Answer(environment={"system_is_ready": True}, facts=FACTS), after(2))
    assert (seen.status, seen.facts) == (S.READY, FACTS)


@pytest.mark.parametrize("status", [S.READY, S.OFFLINE])
def test_one_that_owes_a_reset_is_not_ready_whatever_it_says(status):
    owing = a_machine(status=status, owes_reset="it was lost")
    for here in (answered(owing, READY, after(60)), called(owing, "system-is-ready", "", NOW)):
        assert (here.status, here.detail) == (S.PENDING, D.RESETTING)
        assert answered(here, READY, after(120)) == replace(
            here,
            polled_at=after(120),
            seen_at=after(120),
            updated_at=after(120),
            polls=here.polls + 1,
        )
        assert silent(here, "no route", after(120)).detail is D.UNRESPONSIVE
        reset = replace(here, owes_reset="")
        assert answered(reset, READY, after(120)).status is S.READY


def test_only_who_has_moved_says_where_to():
    moved = called(a_machine(), "network-config-changed", "https://10.9.9.9:8443", NOW)
    assert moved.connection_url == "https://10.9.9.9:8443"
    stays = called(a_machine(), "os-update-applied", "https://10.9.9.9:8443", NOW)
    assert stays.connection_url == a_machine().connection_url


def test_a_board_says_more_of_who_it_is_than_a_disk():
    call = Call(name="x", connection_url="https://x", machine_id="a", system_uuid="b")
    expected = a_machine(status=S.UNREGISTERED, machine_id="a", system_uuid="b")
    assert same(expected, call) == 2
    assert same(a_machine(status=S.UNREGISTERED, machine_id="a"), call) == 1
    assert same(a_machine(status=S.UNREGISTERED), call) == 0
    assert same(a_machine(system_uuid="b"), call) == 0  # it has registered already
    nobody = Call(name="x", connection_url="https://x")
    assert same(a_machine(status=S.UNREGISTERED), nobody) == 0


@given(
    st.sampled_from(S),
    st.lists(
        st.one_of(st.sampled_from(sorted(CAUSES)), st.sampled_from(["!", "?", "-"])), max_size=9
    ),
)
def test_whoever_answers_long_enough_is_ready_in_the_end(status, happened):
    """Whatever happened before: unless it is only expected, or is at something it was told."""
    machine, now = a_machine(status=status), NOW
    for each in happened:
        now += timedelta(seconds=7)
        match each:
            case "!":
                machine = answered(machine, READY, now)
            case "?":
                machine = answered(machine, Answer(environment={}), now)
            case "-":
                machine = silent(machine, "no answer", now)
            case _:
                machine = called(machine, each, "", now)
    machine = answered(machine, READY, now + timedelta(seconds=60))
    if status is S.UNREGISTERED:
        assert machine.status is S.UNREGISTERED
    else:
        assert machine.status is S.READY

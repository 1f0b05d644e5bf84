"""What Nova says of a server has one meaning each, whatever it says."""

import pytest

from muster.drivers.openstack.operating import TURNS, _turn
from muster.drivers.openstack.states import STATUSES, TASKS, restless, seen, settles
from muster.model.observed import Seen
from muster.model.step import Operation

# Every status of Nova's API guide.
# fmt: off
NOVAS = (
    "ACTIVE", "BUILD", "DELETED", "ERROR", "HARD_REBOOT",
    "MIGRATING", "PASSWORD", "PAUSED", "REBOOT", "REBUILD",
    "RESCUE", "RESIZE", "REVERT_RESIZE", "SHELVED", "SHELVED_OFFLOADED",
    "SHUTOFF", "SOFT_DELETED", "SUSPENDED", "UNKNOWN", "VERIFY_RESIZE",
)
# fmt: on


def test_every_status_there_is_has_a_meaning() -> None:
    assert set(NOVAS) == STATUSES.keys()


def test_a_status_of_tomorrow_is_never_taken_for_lost() -> None:
    assert seen({"status": "DREAMING"}) == (Seen.UNREACHABLE, "Nova says dreaming")
    assert seen({})[0] is Seen.UNREACHABLE


@pytest.mark.parametrize("status", NOVAS)
def test_who_is_asked_to_go_never_runs_again(status: str) -> None:
    assert seen({"status": status, "OS-EXT-STS:task_state": "deleting"})[0] is Seen.STOPPED


def test_a_server_that_no_host_took_is_broken_and_says_why() -> None:
    said = {"status": "ERROR", "fault": {"message": "No valid host was found."}}
    assert seen(said) == (Seen.BROKEN, "No valid host was found.")
    assert seen({"status": "ERROR"})[0] is Seen.BROKEN


@pytest.mark.parametrize(("told", "word"), [("DOWN", "dead"), ("UNKNOWN", "report")])
def test_what_runs_on_a_silent_host_is_not_known_to_run(told: str, word: str) -> None:
    found, reason = seen({"status": "ACTIVE", "host_status": told})
    assert found is Seen.UNREACHABLE
    assert word in reason
    assert seen({"status": "ACTIVE", "host_status": "UP"})[0] is Seen.RUNNING


@pytest.mark.parametrize("task", TASKS)
def test_what_is_being_done_counts_before_the_status_from_before(task: str) -> None:
    said = {"status": "ACTIVE", "OS-EXT-STS:task_state": task}
    assert seen(said) == TASKS[task]
    assert not settles(said)


def test_a_server_at_rest_is_settled_and_one_that_may_vanish_is_watched() -> None:
    assert settles({"status": "ACTIVE", "OS-EXT-STS:task_state": None})
    assert restless({"status": "BUILD", "OS-EXT-STS:task_state": None})
    assert not restless({"status": "ACTIVE", "OS-EXT-STS:task_state": None})


@pytest.mark.parametrize(
    ("operation", "status", "action"),
    [
        (Operation.START, "ACTIVE", None),
        (Operation.START, "PAUSED", "unpause"),
        (Operation.START, "SUSPENDED", "resume"),
        (Operation.STOP, "SHUTOFF", None),
        (Operation.STOP, "ACTIVE", "os-stop"),
        (Operation.REBOOT, "SHUTOFF", "os-start"),
        (Operation.REBOOT, "ACTIVE", "reboot"),
        (Operation.REBOOT, "ERROR", "reboot"),
        (Operation.PAUSE, "PAUSED", None),
        (Operation.UNRESCUE, "ACTIVE", None),
    ],
)
def test_what_was_done_is_not_done_again(
    operation: Operation, status: str, action: str | None
) -> None:
    turn = _turn(operation, status)
    assert (turn.action if turn else None) == action


def test_all_but_moving_away_can_be_done() -> None:
    assert set(Operation) - TURNS.keys() == {Operation.EVACUATE}

"""`muster cluster`: made, watched, changed, explained and deleted from the command line."""

from itertools import count
from pathlib import Path

import pytest

from cli.terminal import Terminal
from house import until

pytestmark = pytest.mark.system

_ports = count(20000)
UNBORN = ("cluster", "create", "unborn", "--image", "demo-web", "--flavor", "tiny")
IMPATIENT = """
flavor: tiny
min_size: 1
max_size: 4
update_strategy: {progress_deadline_seconds: 1}
health: {start_timeout_seconds: 1, max_tries: 1}
"""


def a_cluster(muster: Terminal, name: str, *more: str, size: str = "2", image: str = "demo-web"):
    said = ("--image", image, "--flavor", "tiny", "--min", size, "--max", "6")
    port = ("--port", str(next(_ports)))
    return muster("cluster", "create", name, *said, *port, "--wait", *more)


@pytest.fixture
def impatient(tmp_path: Path) -> str:
    file = tmp_path / "cluster.yaml"
    file.write_text(IMPATIENT + f"port: {next(_ports)}\n")
    return str(file)


def test_a_cluster_is_made_listed_and_shown(muster):
    said = a_cluster(muster, "first")
    assert said.code == 0
    assert "first serves at http://" in said.out
    listed = muster.good("cluster", "list")
    assert "NAME" in listed
    row = next(line for line in listed.splitlines() if line.strip().startswith("first"))
    assert row.split()[1:6] == ["ACTIVE", "2", "2", "6", "2"]
    shown = muster.good("cluster", "show", "first")
    assert "2 running, 2 desired (2 to 6)" in shown
    assert "first-001" in shown
    assert "●●" in shown


def test_json_is_printed_wherever_the_option_stands(muster):
    a_cluster(muster, "data")
    [row] = [r for r in muster.asked("cluster", "list") if r["name"] == "data"]
    before = muster("--json", "cluster", "show", "data").json
    after = muster("cluster", "show", "data", "--json").json
    assert before["stack_id"] == after["stack_id"] == row["id"]
    assert len(after["instances"]) == 2


def test_a_cluster_is_found_by_its_id_too(muster):
    a_cluster(muster, "by-id")
    id = muster.asked("cluster", "show", "by-id")["stack_id"]
    assert muster.asked("cluster", "show", id)["name"] == "by-id"


def test_without_wait_the_command_says_how_to_watch(muster):
    said = a_cluster(muster, "quick", "--no-wait")
    assert (said.code, "muster cluster watch quick" in said.out) == (0, True)


def test_a_file_describes_a_cluster_and_options_win_over_it(muster, impatient):
    made = ("cluster", "create", "filed", "--file", impatient, "--image", "demo-web")
    assert muster(*made, "--min", "2", "--wait").code == 0
    shown = muster.asked("cluster", "show", "filed")
    assert (shown["min_size"], shown["max_size"]) == (2, 4)


def test_waiting_for_a_cluster_that_never_gets_well_ends_with_1_and_the_reason(muster, impatient):
    made = ("cluster", "create", "ill", "--file", impatient, "--image", "demo-web-bad")
    words = muster.refused(*made, "--wait", "--timeout", "30")
    assert "CREATE_FAILED" in words
    assert "it was not ready within 1 s" in words


def test_waiting_ends_when_its_time_is_over(muster):
    more = ("--cloud", "slow", "--timeout", "0.5")
    said = a_cluster(muster, "late", *more)
    assert said.code == 1
    assert "late is not settled after 0.5 s" in said.err


def test_a_resize_arrives(muster):
    a_cluster(muster, "sized")
    muster.good("cluster", "resize", "sized", "4", "--wait")
    assert muster.asked("cluster", "show", "sized")["running_instances"] == 4


def test_a_plan_is_shown_and_nothing_happens(muster):
    a_cluster(muster, "planned")
    before = muster.asked("cluster", "show", "planned")
    for words in (
        ("cluster", "resize", "planned", "3", "--plan"),
        ("cluster", "update", "planned", "--image", "demo-web-v2", "--plan"),
        ("cluster", "plan", "planned", "--size", "3"),
        ("cluster", "plan", "planned", "--delete"),
        ("cluster", "delete", "planned", "--plan"),
        (*UNBORN, "--min", "1", "--max", "2", "--port", "29999", "--plan"),
    ):
        said = muster.good(*words)
        assert "  1. " in said, words
        assert "--plan-hash " in said, words
    after = muster.asked("cluster", "show", "planned")
    assert (after["updated_at"], after["desired_size"]) == (before["updated_at"], 2)
    assert "unborn" not in [row["name"] for row in muster.asked("cluster", "list")]


def test_what_would_be_lost_is_said(muster):
    a_cluster(muster, "lossy")
    said = muster.good("cluster", "plan", "lossy", "--delete")
    assert "lost: instance lossy-001" in said
    assert "It cannot be undone." in said


def test_a_plan_without_a_change_is_asked_for_one(muster):
    assert "--size 4" in muster.refused("cluster", "plan", "first", code=2)
    assert "Say what to change" in muster.refused("cluster", "update", "first", code=2)


def test_a_plan_can_be_held_to_and_a_stale_one_is_refused(muster):
    a_cluster(muster, "held")
    hash = muster.asked("cluster", "resize", "held", "3", "--plan")["hash"]
    muster.good("cluster", "resize", "held", "3", "--plan-hash", hash, "--wait")
    words = muster.refused("cluster", "resize", "held", "4", "--plan-hash", hash)
    assert "no longer what would happen" in words
    assert muster.asked("cluster", "show", "held")["desired_size"] == 3


def test_an_update_brings_the_new_image_and_can_be_taken_back(muster):
    a_cluster(muster, "moved")
    muster.good("cluster", "update", "moved", "--image", "demo-web-v2", "--wait")
    images = {each["image"] for each in muster.asked("cluster", "show", "moved")["instances"]}
    assert images == {"demo-web-v2"}
    muster.good("cluster", "rollback", "moved", "--wait")
    images = {each["image"] for each in muster.asked("cluster", "show", "moved")["instances"]}
    assert images == {"demo-web"}


def test_waiting_for_an_update_that_goes_back_by_itself_ends_with_1(muster, impatient):
    made = ("cluster", "create", "back", "--file", impatient, "--image", "demo-web", "--wait")
    assert muster(*made).code == 0
    words = muster.refused("cluster", "update", "back", "--image", "demo-web-bad", "--wait")
    assert "the update was rolled back: no progress for 1 s" in words
    # A later change is not blamed for it.
    muster.good("cluster", "resize", "back", "2", "--wait")


def test_an_update_is_paused_and_resumed(muster):
    a_cluster(muster, "paused", "--canary", "1")
    muster.good("cluster", "update", "paused", "--image", "demo-web-v2")

    def update() -> str:
        return muster.asked("cluster", "show", "paused")["update"]["state"]

    until(lambda: update() == "baking", 20, "the canary is in")
    muster.good("cluster", "pause", "paused", "--wait")
    assert update() == "paused"
    muster.good("cluster", "resize", "paused", "3", "--wait")
    assert update() == "paused"
    muster.good("cluster", "resume", "paused")
    until(lambda: update() == "baking", 20, "the canary is watched again")
    muster.good("cluster", "resume", "paused", "--wait")
    assert update() == "done"


def test_there_is_nothing_to_pause_without_an_update(muster):
    a_cluster(muster, "still")
    assert "update" in muster.refused("cluster", "pause", "still")
    assert "update" in muster.refused("cluster", "resume", "still")
    assert "no earlier revision" in muster.refused("cluster", "rollback", "still")


def test_why_says_why_it_has_this_size(muster):
    a_cluster(muster, "asked", "--scale-out-threshold", "0.7", "--scale-in-threshold", "0.2")
    until(
        lambda: muster.asked("cluster", "why", "asked")["decisions"], 40, "a decision was recorded"
    )
    said = muster.good("cluster", "why", "asked", "--limit", "1")
    assert len(said.splitlines()) >= 2
    assert "limit" in muster.refused("cluster", "why", "asked", "--limit", "0")


def test_delete_asks_first_and_shows_what_would_go(muster):
    a_cluster(muster, "kept")
    said = muster("cluster", "delete", "kept", typed="n\n")
    assert said.code == 1
    assert "lost: instance kept-001" in said.out
    assert muster("cluster", "show", "kept").code == 0
    said = muster("cluster", "delete", "kept", "--wait", typed="y\n")
    assert (said.code, "kept is gone." in said.out) == (0, True)
    assert "could not be found" in muster.refused("cluster", "show", "kept")


def test_delete_with_yes_asks_nothing(muster):
    a_cluster(muster, "doomed")
    said = muster("cluster", "delete", "doomed", "--yes", "--wait")
    assert (said.code, "Delete it?" in said.out) == (0, False)
    assert "doomed" not in [row["name"] for row in muster.asked("cluster", "list")]


@pytest.mark.parametrize("name", ["", ".", "..", "../flavors", "a b?c", "no/such", "%2e%2e", "#"])
@pytest.mark.parametrize(
    "words", [("cluster", "show"), ("instance", "show"), ("action", "show"), ("image", "delete")]
)
def test_a_name_that_nothing_has_is_said_to_be_unknown(muster, words, name):
    assert muster.refused(*words, "--", name).startswith("Error: ")

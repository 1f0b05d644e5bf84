"""Updates: of what, when, and what is told of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from agent.ground import Ground
from muster.agent.runner import Result, answering
from muster.agent.update import IN_BACKGROUND, Update, Window, is_due, is_open, tick
from muster.base.errors import Conflict, Invalid, Unsupported

UPDATE = "system/update"
NEWER = (
    "Inst libc6 [2.36-9] (2.36-10 Debian:12 [amd64])\n"
    "Inst incus [6.0.3-1] (6.0.4-2 Debian:12 [amd64])\nConf libc6 (2.36-10)\n"
)
INSTALL = "apt-get -y -o Dpkg::Options::=--force-confold install --only-upgrade"
MONDAY = datetime(2029, 12, 31, tzinfo=UTC)


@pytest.fixture
def stale(tmp_path: Path) -> Ground:
    return Ground(tmp_path, answering({"apt-get --simulate upgrade": NEWER})).begin()


def check(ground: Ground, body: object = None) -> None:
    """Have the machine updated, and wait until that is over."""
    ground.ask("POST", "/1.0/system/update/:check", body)
    for each in enumerate_threads():
        if each.name == IN_BACKGROUND:
            each.join(10)


def state(ground: Ground) -> dict[str, object]:
    shown: dict[str, object] = ground.ask("GET", "/1.0/system/update")["state"]
    return shown


def test_what_is_newer_is_installed_when_asked_to(stale: Ground) -> None:
    assert state(stale) == {"last_check": "", "status": "", "needs_reboot": False}
    check(stale)
    assert stale.lines == ["apt-get update", f"{INSTALL} libc6 incus"]
    assert state(stale)["status"] == "Updated 2 packages"
    assert state(stale)["last_check"] == stale.clock.now().isoformat()


def test_of_the_system_only_applications_are_left_alone(stale: Ground) -> None:
    check(stale, {"os_only": True})
    assert stale.lines == ["apt-get update", f"{INSTALL} libc6"]


def test_where_nothing_is_newer_nothing_is_installed(ground: Ground) -> None:
    check(ground)
    assert ground.lines == ["apt-get update"]
    assert state(ground)["status"] == "All is up to date"


def test_a_failure_is_told_and_remembered(tmp_path: Path) -> None:
    script = answering({"apt-get update": Result(100, err="no route to host")})
    ground = Ground(tmp_path, script).begin()
    for _ in range(2):  # the one before has let go
        check(ground)
        assert "no route to host" in str(state(ground)["status"])
    again = Ground(tmp_path)
    again.agent.start()
    assert "no route to host" in str(state(again)["status"])


def test_without_a_frequency_nothing_happens_by_itself(stale: Ground) -> None:
    tick(stale.agent)
    stale.put(UPDATE, {"check_frequency": "never", "auto_reboot": True})
    tick(stale.agent)
    assert stale.lines == []


def test_it_happens_by_itself_as_often_as_told(stale: Ground) -> None:
    stale.put(UPDATE, {"check_frequency": "6h"})
    tick(stale.agent)
    assert stale.lines[0] == "apt-get update"
    tick(stale.agent)
    stale.clock.advance(6 * 3600 - 1)
    tick(stale.agent)
    assert stale.lines == []
    stale.clock.advance(1)
    tick(stale.agent)
    assert stale.lines[0] == "apt-get update"


def test_by_itself_it_happens_in_a_window_by_the_machines_own_time(stale: Ground) -> None:
    """The clock stands at midnight UTC, which is one in Berlin."""
    stale.put(UPDATE, {"check_frequency": "1h", "maintenance_windows": [{"end_hour": 1}]})
    stale.write("/etc/timezone", "Europe/Berlin\n")
    tick(stale.agent)
    assert stale.lines == []
    stale.link("/etc/localtime", "/usr/share/zoneinfo/Etc/UTC")  # which the clock shows
    tick(stale.agent)
    assert stale.lines[0] == "apt-get update"


def test_a_machine_restarts_by_itself_only_if_it_may_and_has_to(stale: Ground) -> None:
    stale.write("/run/reboot-required", "")
    stale.write("/run/systemd/system/there", "")
    tick(stale.agent)
    assert stale.lines == []
    stale.put(UPDATE, {"auto_reboot": True})
    tick(stale.agent)
    assert stale.lines == ["systemctl reboot"]


@pytest.mark.parametrize(
    ("kernels", "needs"),
    [
        ([], False),
        (["vmlinuz-6.1.0-9-amd64"], False),
        (["vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-8-amd64"], False),
        (["vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-10-amd64"], True),
    ],
)
def test_a_newer_kernel_needs_a_restart(ground: Ground, kernels: list[str], needs: bool) -> None:
    ground.write("/proc/sys/kernel/osrelease", "6.1.0-9-amd64\n")
    for each in kernels:
        ground.write(f"/boot/{each}", "")
    assert state(ground)["needs_reboot"] is needs


NIGHT = Window(start_hour=22, start_minute=30, end_hour=2)
WEEKEND = Window(6, 0, 6, 0, "Saturday", "Monday")


@pytest.mark.parametrize(
    ("window", "hours", "is_in"),
    [
        (NIGHT, 22.4, False),
        (NIGHT, 22.5, True),
        (NIGHT, 1.9, True),
        (NIGHT, 2, False),
        (WEEKEND, 5.9, True),  # of Monday
        (WEEKEND, 6, False),
        (WEEKEND, 5 * 24 + 5.9, False),  # of Saturday
        (WEEKEND, 5 * 24 + 6, True),
        (WEEKEND, 6 * 24 + 23, True),
        (Window(), 0, False),  # as long as nothing
    ],
)
def test_windows_go_over_midnight_and_over_the_week(
    window: Window, hours: float, is_in: bool
) -> None:
    assert is_open([window], MONDAY + timedelta(hours=hours)) is is_in


def test_what_is_due_is_a_matter_of_the_last_time() -> None:
    often = Update(check_frequency="1h")
    assert is_due(often, None, MONDAY)
    assert not is_due(often, MONDAY, MONDAY + timedelta(minutes=59))
    assert is_due(often, MONDAY, MONDAY + timedelta(minutes=60))


def test_what_is_wrong_or_cannot_be_is_named(ground: Ground, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"config\.check_frequency: 'daily' is no duration"):
        ground.put(UPDATE, {"check_frequency": "daily"})
    with pytest.raises(Invalid, match=r"maintenance_windows\[0\]\.start_hour: must be at most 23"):
        ground.put(UPDATE, {"maintenance_windows": [{"start_hour": 24}]})
    with pytest.raises(Unsupported, match=r"config\.channel: "):
        ground.put(UPDATE, {"channel": "daily"})
    bare = Ground(tmp_path / "bare", lacking=frozenset({"apt-get"})).begin()
    with pytest.raises(Unsupported, match="there is no apt-get"):
        check(bare)


def test_an_update_takes_its_time_and_there_is_one_at_a_time(tmp_path: Path) -> None:
    going = Event()

    def script(argv: tuple[str, ...]) -> Result | None:
        return None if argv != ("apt-get", "update") or going.wait(10) else Result(1)

    ground = Ground(tmp_path, script).begin()
    ground.ask("POST", "/1.0/system/update/:check")
    assert state(ground)["status"] == "Update in progress"
    with pytest.raises(Conflict, match="in progress"):
        ground.ask("POST", "/1.0/system/update/:check")
    going.set()
    for each in enumerate_threads():
        if each.name == IN_BACKGROUND:
            each.join(10)
    assert state(ground)["status"] == "All is up to date"

"""Targets of iSCSI to which the machine proves who it is."""

from pathlib import Path

import pytest

from agent.ground import Ground
from agent.test_services import ISCSI, A, Iscsiadm, joining, node
from muster.agent.iscsi import Target
from muster.base.errors import Invalid

FIRST, SECOND = "a-first-password", "another-password"
PLACE = Target(A, "10.0.0.9").password
PROVING = (
    f"sh -ec {node(A, '-o update -n node.session.auth.authmethod -v CHAP')}; "
    f"{node(A, '-o update -n node.session.auth.username -v house')}; "
    f'{node(A, "-o update -n node.session.auth.password -v")} "$(cat {PLACE})"'
)


def proved(password: str, **more: object) -> dict[str, object]:
    target = {"target": A, "address": "10.0.0.9", "chap_user": "house", "chap_password": password}
    return {"enabled": True, "targets": [{**target, **more}]}


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path, Iscsiadm()).begin()


def test_the_machine_proves_who_it_is_before_it_logs_in(ground: Ground) -> None:
    assert ground.put(ISCSI, proved(FIRST))
    new, startup, login = joining(A)
    assert ground.lines == [new, startup, PROVING, login]
    assert ground.machine.text(PLACE) == f"{FIRST}\n"
    assert ground.machine.place(PLACE).stat().st_mode & 0o777 == 0o600
    assert not ground.put(ISCSI, proved(FIRST))
    assert ground.lines == []
    assert FIRST not in str(ground.ask("GET", "/1.0/services/iscsi"))


def test_by_another_password_it_logs_in_again(ground: Ground) -> None:
    ground.put(ISCSI, proved(FIRST))
    ground.lines.clear()
    assert ground.put(ISCSI, proved(SECOND))
    lines = ground.lines
    assert lines[0] == node(A, "--logout")
    assert lines[-1] == node(A, "--login")
    assert lines[-2] == PROVING
    assert ground.machine.text(PLACE) == f"{SECOND}\n"


def test_a_target_that_is_told_of_no_more_leaves_no_password(ground: Ground) -> None:
    ground.put(ISCSI, proved(FIRST))
    ground.put(ISCSI, {"enabled": True})
    assert ground.machine.text(PLACE) is None


def test_user_and_password_go_together(ground: Ground) -> None:
    with pytest.raises(Invalid, match=r"targets\[0\]\.chap_user: user and password"):
        ground.put(ISCSI, proved(FIRST, chap_user=""))
    with pytest.raises(Invalid, match=r"targets\[0\]\.chap_password: it does not have the form"):
        ground.put(ISCSI, proved("short"))

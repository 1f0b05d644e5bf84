"""Whole Musters that serve HTTPS, and a machine that is held to what each shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.ground import Ground
from agent.test_program import ask, running
from certified import SafeHouse, safe_house, signer
from freeports import free_port
from guard import guarded
from house import until

pytestmark = pytest.mark.system
HERE = "/1.0/provisioning"
SOON_S = 60.0


@contextmanager
def standing(home: Path) -> Iterator[SafeHouse]:
    made = safe_house(home)
    with guarded(str(home), removing=home):
        try:
            made.start()
            yield made
        finally:
            made.kill()


@contextmanager
def a_machine(root: Path) -> Iterator[Path]:
    """Run an agent that Musters can ask; yield the folder it acts on."""
    Ground(root).begin()
    (root / "etc").mkdir(exist_ok=True)
    (root / "run/systemd/system").mkdir(parents=True)
    (root / "etc/hostname").write_text("m1\n")
    listen = ("--listen", f"127.0.0.1:{free_port()}")
    with running(root, *listen):
        yield root


def belong(root: Path, it: SafeHouse) -> None:
    terms = {"uses_remaining": 1, "expire_at": "2099-01-01T00:00:00Z"}
    token = it.call("POST", f"{HERE}/tokens", terms)["uuid"]
    told = it.call("GET", f"{HERE}/tokens/{token}/provider-config")
    body = {"config": {"name": told["name"], "config": told["config"]}}
    code, said = ask(root, "PUT", "/1.0/system/provider", body)
    assert code == 200, said


def pinned(root: Path) -> Any:
    return ask(root, "GET", "/1.0/system/provider")[1]


def becomes(it: SafeHouse, status: str, detail: str = "") -> dict[str, Any]:
    def so() -> Any:
        shown = it.call("GET", f"{HERE}/servers/m1")
        mine = (shown["server_status"], shown["server_status_detail"])
        return shown if mine == (status, detail) else None

    found = until(so, SOON_S, lambda: it.call("GET", f"{HERE}/servers/m1"))
    assert isinstance(found, dict)
    return found


def test_a_certificate_is_replaced_without_a_restart_and_machines_are_held_to_the_new_one(tmp_path):
    with standing(tmp_path / "home") as it, a_machine(tmp_path / "root") as root:
        belong(root, it)
        becomes(it, "ready")
        first = it.shown
        now = datetime.now(UTC)
        authority = signer("our own authority", now)
        mine = signer("muster", now, authority, is_authority=False)
        body = {"certificate": mine.pem + authority.pem, "key": mine.private()}
        told = it.call("POST", "/1.0/system/certificate", body)
        assert told["certificate"] == body["certificate"]
        assert it.shown.split() == mine.pem.split() != first.split()
        line = mine.pem.strip().splitlines()[1]
        until(lambda: line in pinned(root), SOON_S, lambda: pinned(root))
        # By the new certificate it says what happens; the key of before is good no longer.
        code, said = ask(root, "POST", "/1.0/system/:poweroff")
        assert code == 200, said
        becomes(it, "offline", "shut down")
        it.kill()
        it.start()
        assert it.shown.split() == mine.pem.split()


def test_a_machine_belongs_to_one_muster_then_to_another_and_to_the_first_again(tmp_path):
    with (
        standing(tmp_path / "one") as one,
        standing(tmp_path / "two") as two,
        a_machine(tmp_path / "root") as root,
    ):
        belong(root, one)
        known = becomes(one, "ready")
        belong(root, two)
        becomes(two, "ready")
        one.call("POST", f"{HERE}/servers/m1/:resync")
        lost = becomes(one, "offline", "unresponsive")
        assert lost["server_status_reason"]
        belong(root, one)
        assert becomes(one, "ready")["fingerprint"] == known["fingerprint"]
        assert [each["name"] for each in one.call("GET", f"{HERE}/servers?recursion=1")] == ["m1"]
        two.call("POST", f"{HERE}/servers/m1/:resync")
        becomes(two, "offline", "unresponsive")

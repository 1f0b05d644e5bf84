"""A whole Muster gets its certificate from a real authority, and machines are held to it."""

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agent.ground import Ground
from agent.test_program import ask, running
from certified import SafeHouse, safe_house
from freeports import free_port
from guard import guarded
from house import until
from muster.base.certificates import chain_of
from muster.client.http import ApiError, Unreachable
from pebbles import Pebble, pebble

pytestmark = pytest.mark.system
HERE = "/1.0/provisioning"
SOON_S = 60.0


def wish(there: Pebble, it: SafeHouse) -> None:
    said = {
        "agree_tos": True,
        "ca_url": there.url,
        "domain": "muster.example.com",
        "http_challenge_address": there.proofs,
    }
    it.call("PUT", "/1.0/system/security", {"acme": said})


def belong(root: Path, it: SafeHouse) -> None:
    terms = {"uses_remaining": 1, "expire_at": "2099-01-01T00:00:00Z"}
    token = it.call("POST", f"{HERE}/tokens", terms)["uuid"]
    told = it.call("GET", f"{HERE}/tokens/{token}/provider-config")
    body = {"config": {"name": told["name"], "config": told["config"]}}
    code, said = ask(root, "PUT", "/1.0/system/provider", body)
    assert code == 200, said


def changed(it: SafeHouse, before: str) -> str:
    """Return what it shows once that is another."""
    found = until(lambda: it.shown != before and it.shown, SOON_S, it.told)
    assert isinstance(found, str)
    return found


def test_its_certificate_comes_goes_on_and_survives_a_kill_and_machines_follow(tmp_path):
    home, root = tmp_path / "home", tmp_path / "root"
    with pebble(tmp_path / "pebble") as there, guarded(str(home), removing=home):
        it = safe_house(home)
        it.environ["SSL_CERT_FILE"] = there.believed
        try:
            it.start()
            _go_through(it, there, root)
        finally:
            it.kill()


def _go_through(it: SafeHouse, there: Pebble, root: Path) -> None:
    Ground(root).begin()
    for name in ("etc", "run/systemd/system"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "etc/hostname").write_text("m1\n")
    with running(root, "--listen", f"127.0.0.1:{free_port()}"):
        belong(root, it)
        first = it.shown
        wish(there, it)
        second = changed(it, first)
        assert chain_of(it.call("GET", "/1.0/system/certificate")["certificate"])[0] == second
        # No machine knows this authority: it is held to the very certificate, and heard by it.
        line = second.splitlines()[1]
        until(lambda: line in _pin(root), SOON_S, lambda: _pin(root))
        code, said = ask(root, "POST", "/1.0/system/:poweroff")
        assert code == 200, said
        until(lambda: _status(it) == "offline", SOON_S, lambda: _status(it))
        _killed_while_it_renews(it, there)


def _killed_while_it_renews(it: SafeHouse, there: Pebble) -> None:
    """Kill it while the authority asks it back: one certificate is there whole afterwards."""
    asked = threading.Thread(target=_renew, args=(it,))
    asked.start()
    until(lambda: _is_open(there.proofs) or not asked.is_alive(), SOON_S, it.told)
    it.kill()
    asked.join()
    it.start()
    kept = it.call("GET", "/1.0/system/certificate")["certificate"]
    assert chain_of(kept)[0] == it.shown
    assert len(chain_of(kept)) > 1


def _renew(it: SafeHouse) -> None:
    with suppress(ApiError, Unreachable):
        it.call("POST", "/1.0/system/certificate/:renew", {})


def _is_open(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as line:
        return line.connect_ex((host, int(port))) == 0


def _pin(root: Path) -> Any:
    return ask(root, "GET", "/1.0/system/provider")[1]


def _status(it: SafeHouse) -> Any:
    return it.call("GET", f"{HERE}/servers/m1")["server_status"]

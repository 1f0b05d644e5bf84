"""A machine's agent and a whole Muster: it registers by a token, and is looked after."""

import time
from contextlib import ExitStack
from typing import Any

import pytest

from agent.ground import Ground
from agent.test_program import ask, running
from freeports import free_port
from house import house, until
from muster.client.http import Session

pytestmark = pytest.mark.system
HERE = "/1.0/provisioning"
SOON_S = 30.0


def server(client: Session, **wanted: object) -> Any:
    """Return the server once it is so."""
    end = time.monotonic() + SOON_S
    while True:
        shown = client.call("GET", f"{HERE}/servers/m1")["metadata"]
        if all(shown[key] == value for key, value in wanted.items()):
            return shown
        assert time.monotonic() < end, shown
        time.sleep(0.01)  # so that the first answer of its kind is seen


def test_a_machine_registers_is_ready_and_is_known_after_a_restart(tmp_path):
    root = tmp_path / "root"
    Ground(root).begin()
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/hostname").write_text("m1\n")
    listen = ("--listen", f"127.0.0.1:{free_port()}")
    settings = {"MUSTER_DEFAULT_CLOUD": "sim", "MUSTER_CLOUDS": "{sim = {kind = 'simulated'}}"}
    with house(tmp_path / "home", **settings) as it, ExitStack() as stack:
        it.start()
        client = stack.enter_context(it.session())
        terms = {"uses_remaining": 1, "expire_at": "2099-01-01T00:00:00Z"}
        token = client.call("POST", f"{HERE}/tokens", terms)["metadata"]["uuid"]
        path = f"{HERE}/tokens/{token}/provider-config"
        told = client.call("GET", path)["metadata"]
        body = {"config": {"name": told["name"], "config": told["config"]}}
        with running(root, *listen):
            code, said = ask(root, "PUT", "/1.0/system/provider", body)
            assert code == 200, said
            shown = server(client, server_status="ready")
            assert shown["os_data"]["network"]["config"] == {"dns": {}, "time": {}, "proxy": {}}
            assert '"registered": true' in ask(root, "GET", "/1.0/system/provider")[1]
        with running(root, *listen):
            since = shown["last_seen"]
            until(lambda: server(client)["last_seen"] > since, SOON_S, "it is heard of again")
            server(client, server_status="ready", server_status_detail="")

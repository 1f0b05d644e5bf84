"""Nothing that the document allows, or forbids, makes the service fall over."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans
from litestar.handlers import HTTPRouteHandler

from fleet import FakeFleet
from machines import a_machine, a_machine_template, a_machine_token, a_server_cluster
from muster.api.app import CLUSTERING, HANDLERS, PROVISIONING
from muster.api.provisioning_1_0.servers import OPEN
from muster.ports.store import Transaction
from office import Office, opened
from server import served
from vclusters import body, server, volume

pytestmark = pytest.mark.slow
QUICK = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


# Types of faults that are answered by a 500 because clients of old assert it.
PROMISED = frozenset({"ESchema", "ProfileOperationFailed"})


class _Served(Thread):
    """A whole service in a thread of its own, with clusters to stumble over."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        self.home = home
        self.url = ""
        self.names: dict[str, dict[str, str]] = {}
        self.loop = asyncio.new_event_loop()
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()

    def run(self) -> None:
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with opened(self.home) as office, served(office.app) as wire:
            self.names = await _things(office)
            self.url = wire.url
            self.ready.set()
            await self.stop.wait()


def _machines(tx: Transaction) -> None:
    tx.machines.put(a_machine())
    tx.machine_templates.put(a_machine_template())
    tx.machine_tokens.put(a_machine_token())
    tx.server_clusters.put(a_server_cluster())


async def _things(office: Office) -> dict[str, dict[str, str]]:
    """Make one of each noun, and return the path parameters that mean it."""
    office.app.state.desk = replace(office.desk, agents=FakeFleet())
    await office.desk.store.write(_machines)
    made = await office.made(scale_out_threshold=0.7, scale_in_threshold=0.2)
    asked = body([server("db"), volume("db-vol", 1, attach_to="db")], name="data")
    await office.call("POST", "/v2/ops/vclusters", asked, "root")
    await office.go_on(5)
    node = (await office.call("GET", "/v1/instances")).json()["instances"][0]
    action = (await office.call("GET", "/v1/actions")).json()["actions"][0]
    event = (await office.call("GET", "/v1/events")).json()["events"][0]
    return {
        "clusters": {"identity": "web", "stack_id": made["stack_id"], "name": "c1"},
        "instances": {"identity": node["id"]},
        "actions": {"identity": action["id"]},
        "events": {"identity": event["id"]},
        "servers": {"name": "m1"},
        "cluster-templates": {"name": "storage"},
        "tokens": {"uuid": str(a_machine_token().id)},
        "vclusters": {"tenant_id": "ops", "identity": "data"},
        "flavors": {"identity": "small"},
        "images": {"identity": "demo-web"},
    }


@pytest.fixture(scope="module")
def thread(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Served]:
    thread = _Served(tmp_path_factory.mktemp("home"))
    thread.start()
    asyncio.run_coroutine_threadsafe(thread.ready.wait(), thread.loop).result(20)
    yield thread
    thread.loop.call_soon_threadsafe(thread.stop.set)
    thread.join(10)


@pytest.fixture(scope="module")
def schema(thread: _Served) -> Any:
    return schemathesis.openapi.from_url(f"{thread.url}/openapi.json")


OPERATIONS = sorted(
    {
        (path, method)
        for handler in (*HANDLERS, *CLUSTERING, *PROVISIONING, *OPEN)
        if isinstance(handler, HTTPRouteHandler)
        for path in handler.paths
        for method in handler.http_methods
        if not path.endswith("/stream")  # it never ends
    }
)


def plainly(path: str) -> str:
    return path.replace(":str}", "}").replace(":path}", "}")


def noun(path: str) -> str:
    """Return what a path is about; behind a project, that is its third part."""
    parts = path.split("/")
    return parts[3 if parts[1] in ("v2", "1.0") else 2] if len(parts) > 3 else ""


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_service_never_falls_over(schema: Any, thread: _Served, path: str, method: str) -> None:
    operation = schema[plainly(path)][method]
    there = thread.names.get(noun(path), {})

    @QUICK
    @given(case=operation.as_strategy(), real=booleans())
    def tried(case: Any, real: bool) -> None:
        if real and method != "DELETE":  # what is there is to stay there for the next one
            known = set(case.path_parameters or {}) & set(there)
            case.path_parameters = {**(case.path_parameters or {}), **{k: there[k] for k in known}}
        said = {"x-name": "root", "OpenStack-API-Version": "clustering latest"}
        answer = case.call(base_url=thread.url, headers=said, timeout=10)
        error = {} if answer.status_code < 500 else answer.json()["error"]
        fine = not error or _is_promised(answer.status_code, error)
        assert fine, (case.as_curl_command(), answer.text)

    tried()


def _is_promised(status: int, error: Any) -> bool:
    """Whether this fault is no fault of ours: clients assert it, or a machine is silent."""
    if isinstance(error, dict):
        return error["type"] in PROMISED
    return status == 503 and error.endswith(": no answer")


def test_the_document_names_every_operation(schema: Any) -> None:
    for path, method in OPERATIONS:
        assert schema[plainly(path)][method] is not None

"""Nothing that the document allows, or forbids, makes the service fall over."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS, load_all_checks

from office import opened
from server import served

load_all_checks()
NO_500 = CHECKS.get_by_names(["not_a_server_error"])
QUICK = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class _Served(Thread):
    """A whole service in a thread of its own, with clusters to stumble over."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True)
        self.home = home
        self.url = ""
        self.loop = asyncio.new_event_loop()
        self.ready = asyncio.Event()
        self.stop = asyncio.Event()

    def run(self) -> None:
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async with opened(self.home) as office, served(office.app) as wire:
            await office.made()
            await office.go_on(5)
            self.url = wire.url
            self.ready.set()
            await self.stop.wait()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    thread = _Served(tmp_path_factory.mktemp("home"))
    thread.start()
    asyncio.run_coroutine_threadsafe(thread.ready.wait(), thread.loop).result(20)
    yield thread.url
    thread.loop.call_soon_threadsafe(thread.stop.set)
    thread.join(10)


@pytest.fixture
def api_schema(service: str) -> Any:
    return schemathesis.openapi.from_url(f"{service}/openapi.json")


schema = schemathesis.pytest.from_fixture("api_schema").exclude(path="/v1/events/stream")


@schema.parametrize()
@QUICK
def test_the_service_never_falls_over(case: Any) -> None:
    case.call_and_validate(checks=NO_500, headers={"x-name": "root"}, timeout=10)

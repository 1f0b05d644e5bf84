"""Fixtures that several parts share."""

import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from functools import cache
from itertools import count
from pathlib import Path

import pytest
import structlog

import patience
import postgres
from guard import run_of_tests
from muster.store.connect import connect
from muster.store.postgres import PostgresStore
from muster.store.signals import LocalSignal
from muster.store.sqlite import SqliteStore
from muster.wiring.inherited import keep_deafness_to_ourselves
from testbed.incus.bed import await_whole, lent
from testbed.incus.place import Place, lacking
from testbed.openstack.bed import lent as lent_cloud
from testbed.openstack.cloud import Cloud
from testbed.openstack.place import lacking as clouds_lack
from testbed.openstack.settings import clouds_yaml

patience.load()
keep_deafness_to_ourselves()
# Plain lines: the default draws each traceback with all values in it, which takes seconds.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
)

Opened = SqliteStore | PostgresStore

STORES = [
    "sqlite-file",
    "sqlite-memory",
    pytest.param("postgresql", marks=pytest.mark.postgresql),
]

# Note [Real parts]
# What starts a Caddy, a HAProxy or instances of this machine takes seconds however little it
# asks of them, and the inner loop has less than a minute for everything. So tests of these
# folders, and the contracts' runs over these parts, are slow by definition. So is what plays
# days or weeks of a load, says all that the document allows, or tells stories to a whole service;
# and what waits in real time, shakes hands by TLS or builds a service for each of its many tests.
_REAL_FOLDERS = (
    "drivers/balancers",
    "drivers/caddy",
    "drivers/dns",
    "drivers/haproxy",
    "drivers/local",
    "drivers/incus",
    "clients",
)
_SLOW_FILES = (
    "agent/test_bulk",
    "agent/test_server",
    "api/test_callers",
    "api/test_clustering_paging",
    "api/test_provisioning_clusters",
    "api/test_queues",
    "api/test_receivers",
    "api/test_schemathesis",
    "api/test_streams",
    "api/test_terminals",
    "decide/test_forecast",
    "decide/test_plant",
    "drivers/identity/test_tls",
    "drivers/test_prometheus",
    "drivers/test_visitor",
    "engine/test_news",
    "engine/test_outlook",
    "engine/test_server_jobs",
    "engine/test_worker",
    "enrolment",
    "scenarios",
    "wiring/test_purge",
)
_REAL_PARTS = frozenset(
    {"caddy", "haproxy", "local", "incus", "knot", "over_tls", "haproxy-inside", "sqlite-file"}
)

_databases = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs over real parts as slow. See Note [Real parts]."""
    for item in items:
        call = getattr(item, "callspec", None)
        parts = {str(each) for each in call.params.values()} if call else set()
        if _is_slow(item.path) or parts & _REAL_PARTS:
            item.add_marker("slow")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave slow files unread where nothing slow is to run."""
    unwanted = "not slow" in config.getoption("markexpr") and _is_slow(collection_path)
    return True if unwanted else None


def pytest_collection_finish() -> None:
    """Look for garbage seldom, and never through what was imported: it all stays anyway."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@cache  # asked for every test of a file
def _is_slow(path: Path) -> bool:
    where = path.relative_to(Path(__file__).parent).as_posix()
    return where.startswith((*_REAL_FOLDERS, *_SLOW_FILES))


@pytest.fixture(scope="session", autouse=True)
def _guarded_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Leave no process behind, however this run ends."""
    with run_of_tests(tmp_path_factory.getbasetemp()):
        yield


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """Run one PostgreSQL for all tests, or skip naming what to install."""
    with postgres.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> str:
    """Return the URL of an empty database of this test's own."""
    return postgres_server.new_database(f"test{next(_databases)}")


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of every kind in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return "sqlite:///:memory:" if "memory" in request.param else f"sqlite:///{tmp_path}/muster.db"


@pytest.fixture
async def any_store(store_url: str) -> AsyncIterator[Opened]:
    """Return an empty store, of every kind in turn."""
    opened = await connect(store_url, LocalSignal())
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def incus_testbeds() -> Iterator[Callable[[int], Place]]:
    """Lend clusters of so many real Incus members, or skip naming what is missing."""
    made: dict[int, Place] = {}
    with ExitStack() as stack:

        def testbed(count: int) -> Place:
            if why := lacking():
                pytest.skip(why)
            if count not in made:
                made[count] = stack.enter_context(lent(count))
            elif count > 1:
                await_whole(made[count])  # the test before may have taken the power of one
            return made[count]

        yield testbed


@pytest.fixture(scope="session")
def openstack_cloud() -> Iterator[Cloud]:
    """Lend the one cloud of OpenStack of this run, put up when first asked for, or skip."""
    if why := clouds_lack():
        pytest.skip(why)
    with lent_cloud() as cloud:
        yield cloud


@pytest.fixture(scope="session")
def openstack_clouds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a clouds.yaml whose `demo` is a project's member, and whose `admin` may do all.

    Whoever has such a cloud running says where its file is.
    """
    if said := os.environ.get("MUSTER_TEST_CLOUDS_YAML"):
        return Path(said)
    cloud: Cloud = request.getfixturevalue("openstack_cloud")
    file = tmp_path_factory.mktemp("openstack") / "clouds.yaml"
    project = cloud.project("demo", compute={"instances": 100, "cores": 100})
    file.write_text(clouds_yaml({"admin": cloud.auth, "demo": project.auth}))
    return file

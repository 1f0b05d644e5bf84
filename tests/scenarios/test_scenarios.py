"""Every scenario, one after another, against a served Muster; each file has a server of its own."""

import base64
import os
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gabbi import case as gabbi
from gabbi import handlers, suitemaker
from scripts.scenarios import unplayed

from house import house
from muster.drivers.identity.users import add_user
from scenarios.reading import HERE, File, contract, files, scenarios, showing

pytestmark = pytest.mark.system

SIMULATED = {
    "MUSTER_DEFAULT_CLOUD": "simulated",
    "MUSTER_CLOUDS": "{simulated = {world = 'memory'}}",
}


FILES = {file.name: file for file in files()}


def _cases(file: File, port: int) -> list[gabbi.HTTPTestCase]:
    suite = suitemaker.test_suite_from_dict(
        unittest.TestLoader(),
        file.name,
        dict(file.gabbi),
        str(HERE),
        "127.0.0.1",
        port,
        None,
        None,
        handlers=[handler() for handler in handlers.RESPONSE_HANDLERS],
    )
    return list(suite)


@contextmanager
def served(file: File, folder: Path) -> Iterator[int]:
    """Serve what one file of scenarios asks for; yields the port."""
    home = folder / "home"
    with house(home, **SIMULATED, **file.settings) as it:
        _let_in(home, file)
        it.start()
        yield it.port


def _let_in(home: Path, file: File) -> None:
    """Make the users, and let scenarios say `$ENVIRON['ANN']` for ann's credentials."""
    for name, said in file.people.items():
        password = f"{name}-secret"
        add_user(home / "users.toml", name, password, {said["project"]: tuple(said["roles"])})
        secret = base64.b64encode(f"{name}:{password}".encode()).decode()
        os.environ[name.upper()] = f"Basic {secret}"


@pytest.mark.parametrize("name", FILES)
def test_scenarios(name: str, tmp_path: Path, subtests: pytest.Subtests) -> None:
    """Play a whole file: most scenarios go on from those before."""
    file = FILES[name]
    with served(file, tmp_path) as port:
        for case in _cases(file, port):
            with subtests.test(case.test_data["name"]):
                _play(case)


def _play(case: gabbi.HTTPTestCase) -> None:
    result = unittest.TestResult()
    case.run(result)
    for _, told in [*result.errors, *result.failures]:
        pytest.fail(told, pytrace=False)


def test_every_scenario_has_a_name_of_its_own() -> None:
    for file in FILES.values():
        names = [test["name"] for test in file.gabbi["tests"]]
        assert len(names) == len(set(names)), file.name


def test_every_route_has_a_scenario() -> None:
    assert unplayed() == []


def test_every_item_of_the_contract_has_its_scenarios() -> None:
    known = scenarios()
    items = contract()
    lost = [
        f"{item.chapter}: {item.text}: {pattern}"
        for item in items
        for pattern in item.shown_by or ("nothing",)
        if not showing(pattern, known)
    ]
    assert lost == []
    assert len({(item.chapter, item.text) for item in items}) == len(items)

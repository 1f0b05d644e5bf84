"""A whole Muster on this machine's own cloud, with its console in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import browser
from browser import Page
from house import House, house
from muster.api.console import BUILT


@pytest.fixture(scope="module", autouse=True)
def _needed() -> None:
    if browser.PROGRAM is None:
        pytest.skip("needs Chromium: scripts/debian-packages")
    if not (BUILT / ".stamp").exists():
        pytest.skip("the console is not built: scripts/console")


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house") / "home") as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def tab(it: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    home: Path = tmp_path_factory.mktemp("browser")
    with browser.opened(home, it.url) as page:
        page.resize(1280)
        yield page


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    """A tab; whatever a test does with it, the page must not complain."""
    tab.errors.clear()
    yield tab
    assert tab.errors == []

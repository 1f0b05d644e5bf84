"""Strings by which machines join, made where machines can come in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Page
from freeports import free_port
from house import House, house

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
DIALOG = "dialog[open]"
CLOUDS = "{box = {kind = 'incus', url = 'unix:/nowhere/unix.socket'}}"


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house with a door, whose cloud is away: strings are made all the same."""
    home: Path = tmp_path_factory.mktemp("house")
    at = f"127.0.0.1:{free_port()}"
    settings = {"MUSTER_DEFAULT_CLOUD": "box", "MUSTER_CLOUDS": CLOUDS, "MUSTER_DOOR": at}
    with house(home / "home", **settings) as made:
        made.start()
        yield made


def test_a_join_string_is_shown_once_and_taken_back(page: Page) -> None:
    page.go("/join-strings")
    page.shows("There is no join string")
    page.click("Create join string")
    page.fill("name", "Box 2")
    page.shows("small letters, digits")
    page.fill("name", "box-2")
    page.fill("minutes", "0")
    page.shows("must be whole minutes")
    page.fill("minutes", "5")
    page.click("Create", DIALOG)
    page.shows("muster init --compute --join", "Shown this once")
    page.go("/join-strings")
    page.shows("box-2")
    assert "--join" not in page.text()
    page.click("Take back box-2")
    page.click("Take back", DIALOG)
    page.shows("There is no join string")

"""Seeds of a token from its page: written, refused at their fields, fetched, forgotten."""

from collections.abc import Iterator
from typing import Any

import pytest

from browser import Page
from house import House, house
from metal_doors import HERE

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
TOKEN = {"description": "rack 7", "uses_remaining": 3, "expire_at": "2099-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated"}
    with house(tmp_path_factory.mktemp("house") / "home", **settings) as made:
        made.start()
        with made.session() as session:
            session.call("POST", f"{HERE}/tokens", body=TOKEN)
        yield made


def kept(it: House) -> list[dict[str, Any]]:
    with it.session() as session:
        [token] = session.call("GET", f"{HERE}/tokens?recursion=1")["metadata"]
        where = f"{HERE}/tokens/{token['uuid']}/seeds?recursion=1"
        return list(session.call("GET", where)["metadata"])


def test_what_is_wrong_with_a_seed_stands_at_its_field(page: Page, it: House) -> None:
    page.go("/server-tokens")
    page.click("Seeds of rack 7")
    page.shows("It has none")
    page.click("Keep the seed")
    page.shows("is required")
    page.fill("seed", "rack7")
    page.fill("seed-parts", "applications: [")
    page.shows("is not YAML")
    page.fill("seed-parts", "kitchen: {}\n")
    page.click("Keep the seed")
    page.comes("[...document.querySelectorAll('[role=alert]')].some((e) => e.innerText)")
    assert kept(it) == []


def test_a_seed_is_kept_fetched_and_forgotten(page: Page, it: House) -> None:
    page.go("/server-tokens")
    page.click("Seeds of rack 7")
    page.fill("seed", "rack7")
    page.fill("seed-parts", "network:\n  dns:\n    hostname: m7\n")
    page.click("Keep the seed")
    page.comes("!!find('Forget rack7')")
    assert [each["name"] for each in kept(it)] == ["rack7"]
    fetched = page.run("fetch(find('json').href).then((told) => told.text())")
    assert "m7" in fetched
    page.click("Forget rack7")
    page.click("Forget", "dialog[open]")
    page.shows("It has none")
    assert kept(it) == []

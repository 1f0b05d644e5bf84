"""What takes long and has no action of its own is followed in the bell, also after a reload."""

import json
from collections.abc import Iterator

import pytest

from browser import Page
from filled import filled
from house import House
from metal_doors import HERE

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
WANTED = "service: nvme\nconfig:\n  enabled: true\n"


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with filled(tmp_path_factory.mktemp("filled")) as made:
        yield made


def told(page: Page, title: str, how: str) -> None:
    """Look into the bell until it says so, and close it."""
    page.click("Notifications")
    said = json.dumps([title, how])
    page.comes(
        "[...document.querySelectorAll('#bell li')].some((e) => "
        f"{said}.every((word) => e.innerText.includes(word)))",
        60,
    )
    page.click("Close", "#bell")


def another_host(it: House) -> tuple[str, str]:
    """Return where the volume is, and another host of its cloud."""
    with it.session() as session:
        volumes = session.call("GET", "/v1/volumes")["volumes"]
        [here] = [each["host"] for each in volumes if each["name"] == "shop-data"]
        [cloud] = session.call("GET", "/v1/hosts?cloud=simulated")["clouds"]
    return here, next(each["name"] for each in cloud["hosts"] if each["name"] != here)


def test_a_volume_that_moves_is_followed_and_a_host_that_is_not_there_named(
    page: Page, it: House
) -> None:
    _, there = another_host(it)
    page.go("/volumes?q=shop-data")
    page.click("Move", "main")
    page.fill("host", "nowhere")
    page.click("Move", "dialog[open]")
    page.shows("has no host 'nowhere'")
    page.comes("field('host').ariaInvalid === 'true'")
    page.fill("host", there)
    page.click("Move", "dialog[open]")
    page.comes("!document.querySelector('dialog[open]')")
    told(page, "Move volume shop-data", "done")
    assert another_host(it)[0] == there
    page.go("/volumes")
    told(page, "Move volume shop-data", "done")
    page.click("Notifications")
    assert "failed" not in page.run("document.querySelector('#bell').innerText")
    page.click("Close", "#bell")


def test_a_change_to_all_servers_is_followed_with_its_progress(page: Page, it: House) -> None:
    page.go("/server-clusters/cellar/bulk")
    page.fill("action", "set_service")
    page.fill("arguments", WANTED)
    page.click("Show what would become of each")
    page.shows("would be changed")
    page.click("Change them")
    told(page, "Change all servers of cellar alike: set service", "done")
    with it.session() as session:
        seen = session.call("GET", f"{HERE}/clusters/cellar")["metadata"]["bulk_update"]
    assert (seen["action"], seen["status"], seen["done"]) == ("set_service", "done", 3)
    page.go("/")
    told(page, "Change all servers of cellar alike: set service", "done")
    page.click("Notifications")
    page.click("Change all servers of cellar alike: set service", "#bell")
    page.comes("location.pathname === '/server-clusters/cellar/bulk'")
    page.click("Close", "#bell")

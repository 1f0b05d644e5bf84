"""Two who change the same at once: the later one is told, and overwrites nothing unseen."""

from collections.abc import Iterator
from typing import Any

import pytest

from browser import Page
from house import House, house
from muster.client.http import Session

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
HERE = "/1.0/provisioning"
DIALOG = "dialog[open]"
DISKS = {
    "name": "disks",
    "description": "as it was",
    "service_config_template": "lvm:\n  enabled: @LVM@\n",
    "application_config_template": "",
    "variables": {"LVM": {"description": "whether there are disks"}},
}


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated"}
    with house(tmp_path_factory.mktemp("house") / "home", **settings) as made:
        made.start()
        yield made


@pytest.fixture
def other(it: House) -> Iterator[Session]:
    """Somebody else at work."""
    with it.session() as session:
        yield session


def described(other: Session, path: str) -> str:
    there: dict[str, Any] = other.call("GET", f"{HERE}/{path}")["metadata"]
    return str(there["description"])


def test_a_template_is_read_again_before_it_is_overwritten(page: Page, other: Session) -> None:
    other.call("POST", f"{HERE}/cluster-templates", body=DISKS)
    page.go("/server-templates/disks/edit")
    page.fill("description", "as I would have it")
    other.call("PUT", f"{HERE}/cluster-templates/disks", body=DISKS | {"description": "theirs"})
    page.click("Change", "form")
    page.shows("somebody changed it meanwhile")
    assert described(other, "cluster-templates/disks") == "theirs"
    page.click("Read it again")
    page.comes("field('description')?.value === 'theirs'")
    page.comes("!document.body.innerText.includes('somebody changed it meanwhile')")
    page.fill("description", "both of ours")
    page.click("Change", "form")
    page.comes("location.pathname === '/server-templates/disks'")
    assert described(other, "cluster-templates/disks") == "both of ours"


def test_a_server_is_read_again_before_it_is_overwritten(page: Page, other: Session) -> None:
    expected = {"name": "m1", "system_uuid": "4c4c4544-0000-1000-8000-000000000001"}
    other.call("POST", f"{HERE}/servers", body=expected)
    page.go("/servers/m1")
    page.click("Change")
    page.fill("Description", "mine")
    theirs = {"description": "theirs", "properties": {"rack": "7"}}
    other.call("PUT", f"{HERE}/servers/m1", body=theirs)
    page.click("Change", DIALOG)
    page.shows("open this again")
    page.click("Cancel", DIALOG)
    page.click("Change")
    page.comes("field('Description')?.value === 'theirs'")
    page.fill("Description", "both of ours")
    page.click("Change", DIALOG)
    page.shows("both of ours", "rack")

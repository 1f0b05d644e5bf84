"""How a cluster of servers is looked after, and what its servers are to be like, from its page."""

from collections.abc import Iterator

import pytest

from browser import Page
from filled import filled
from house import House

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
PATH = "/1.0/provisioning/clusters/cellar"
WANTED = "services:\n  nvme:\n    enabled: true\n"


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with filled(tmp_path_factory.mktemp("filled")) as made:
        yield made


def test_what_is_there_is_read_once_when_the_page_opens(page: Page) -> None:
    page.go("/server-clusters/cellar/settings")
    page.comes("field('desired') && field('windows') && true")
    read = "performance.getEntriesByType('resource').map((e) => new URL(e.name).pathname)"
    assert page.run(f"{read}.filter((at) => at === '{PATH}').length") == 1
    assert page.run(f"{read}.filter((at) => at === '{PATH}/desired-config').length") == 1


def test_maintenance_windows_are_checked_kept_and_never_overwritten_unseen(
    page: Page, it: House
) -> None:
    page.go("/server-clusters/cellar/settings")
    page.fill("windows", "Sat 01:00-05:00\nat night")
    page.shows("'at night' is no time")
    page.fill("windows", "Sat 01:00-05:00\n22:00-04:00")
    page.click("Keep it so")
    page.shows("It is looked after so from now on")
    with it.session() as session:
        there = session.call("GET", PATH)["metadata"]
        windows = there["config"]["rolling_restart"]["windows"]
        assert windows == ["Sat 01:00-05:00", "22:00-04:00"]
        session.call("PUT", PATH, body={"description": "theirs", "config": there["config"]})
    page.fill("description", "mine")
    page.click("Keep it so")
    page.shows("somebody changed it meanwhile")
    page.click("Read it again")
    page.comes("field('description')?.value === 'theirs'")


def test_servers_are_compared_with_what_they_are_to_be_like_and_made_so(page: Page) -> None:
    page.go("/server-clusters/cellar/settings")
    page.fill("desired", "services: [")
    page.shows("is not YAML")
    page.fill("desired", "floppies: {}\n")
    page.click("Want it so")
    page.comes("[...document.querySelectorAll('p[role=alert]')].some((e) => e.innerText)")
    page.fill("desired", WANTED)
    page.click("Want it so")
    page.shows("nothing was done to the servers yet")
    page.click("Compare every server with it")
    page.comes("document.querySelectorAll('caption ~ tbody tr').length >= 3")
    page.shows("nvme")
    page.click("Make them so")
    page.shows("What will happen")
    page.click("Make them so", "dialog[open]")
    page.shows("It has begun")
    so = "(e) => /as it is to be/.test(e.innerText)"
    compared = f"[...document.querySelectorAll('caption ~ tbody tr')].filter({so}).length === 3"
    page.comes(f"(find('Compare every server with it')?.click(), {compared})", 60)


def test_a_certificate_that_is_none_is_refused_and_stays(page: Page) -> None:
    page.go("/server-clusters/cellar/settings")
    assert page.run("find('Replace the certificate')") is None
    for name in ("cluster_certificate", "cluster_certificate_key"):
        page.fill(name, "-----BEGIN NOTHING-----")
    page.click("Replace the certificate")
    page.shows("the key is kept nowhere")
    page.click("Replace it", "dialog[open]")
    page.shows("is no certificate with its key")
    page.click("Cancel", "dialog[open]")

"""What would move to another host: shown with its reason, carried out, followed in the bell."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from browser import Page
from house import House, house, until
from vclusters import REDUNDANT

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
WEB = {"name": "web", "image": "demo-web", "flavor": "tiny", "min_size": 2, "max_size": 2}
ROWS = "[...document.querySelectorAll('caption ~ tbody tr')]"


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated"}
    with house(tmp_path_factory.mktemp("house") / "home", **settings) as made:
        made.start()
        with made.session() as session:
            session.call("POST", "/v1/clusters", body=WEB)
            project = session.call("GET", "/v1/session")["project"]
            session.call("POST", f"/v2/{project}/vclusters", body=REDUNDANT)
        made.settled("web")
        until(lambda: paired(made)["status"] == "ACTIVE", 60, "the pair is there", 0.1)
        yield made


def paired(it: House) -> dict[str, Any]:
    with it.session() as session:
        project = session.call("GET", "/v1/session")["project"]
        found: dict[str, Any] = session.call("GET", f"/v2/{project}/vclusters")["vclusters"][0]
        return found


def hosts(it: House) -> dict[str, str]:
    """Return where everybody is, by name."""
    with it.session() as session:
        there = it.details(session, "web")["instances"]
    return {each["name"]: each["host"] for each in (*there, *paired(it)["instances"])}


def left(page: Page, host: str) -> None:
    page.go("/rebalance")
    page.comes(f"!!field({json.dumps(f'away-{host}')})")
    page.run(f"field({json.dumps(f'away-{host}')}).click()")
    page.comes(f"location.search === {json.dumps(f'?away={host}')}")
    page.comes(f"{ROWS}.length >= 1")


def told(page: Page, ended: str) -> None:
    """Look into the bell until it says so, and close it."""
    page.click("Notifications")
    page.comes(
        "[...document.querySelectorAll('#bell li')].some((e) => "
        f"/between hosts of simulated/.test(e.innerText) && /{ended}/.test(e.innerText))",
        60,
    )
    page.click("Close", "#bell")


def test_hosts_and_clouds_that_are_not_there_are_named(page: Page) -> None:
    page.go("/rebalance?away=nowhere")
    page.shows("there is no host 'nowhere'")
    page.run("field('away-nowhere').click()")
    page.comes("location.search === ''")
    page.shows("gained for") if page.run(f"{ROWS}.length") else page.shows("is worth a move")
    page.go("/rebalance?cloud=elsewhere")
    page.comes("!!document.querySelector('main > [role=alert]')?.innerText")


def test_what_is_on_a_host_leaves_it_once_the_plan_was_shown(page: Page, it: House) -> None:
    before = hosts(it)
    host = before["web-001"]
    left(page, host)
    page.click("Move all")
    page.shows("What will happen", "web-001 moves from")
    assert hosts(it) == before
    page.click("Move them", "dialog[open]")
    told(page, "done")
    assert host not in {where for name, where in hosts(it).items() if name.startswith("web")}
    page.shows("is worth a move")


def test_what_is_bound_together_moves_together(page: Page, it: House) -> None:
    host = hosts(it)["db-1"]
    left(page, host)
    page.shows("together: db-1, db-1-vol")
    page.click("Move redundant-data/db-1")
    page.click("Move it", "dialog[open]")
    page.comes(f"!{ROWS}.some((e) => /db-1/.test(e.innerText))", 60)
    after = hosts(it)
    assert after["db-1"] == after["db-1-vol"] != host

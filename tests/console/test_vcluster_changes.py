"""A virtual cluster that is there: others in it, other places, other rules, planned and done."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from browser import Page
from house import House, house, until
from vclusters import REDUNDANT, server

SERVER_1 = {"vcluster": {"instances": [server("server-1")]}}
pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated"}
    with house(tmp_path_factory.mktemp("house") / "home", **settings) as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def id(it: House) -> str:
    with it.session() as session:
        project = session.call("GET", "/v1/session")["project"]
        made = session.call("POST", f"/v2/{project}/vclusters", body=REDUNDANT)["vcluster"]
    settled(it, made["id"])
    return str(made["id"])


def settled(it: House, id: str) -> dict[str, dict[str, Any]]:
    """Return its members by name once it is at nothing any more."""
    found: dict[str, Any] = {}
    with it.session() as session:
        project = session.call("GET", "/v1/session")["project"]

        def over() -> bool:
            found.update(session.call("GET", f"/v2/{project}/vclusters/{id}")["vcluster"])
            return found["status"] == "ACTIVE"

        until(over, 60, lambda: found, every_s=0.1)
    return {each["name"]: each for each in found["instances"]}


def opened(page: Page, id: str) -> None:
    page.go(f"/vclusters/{id}")
    page.click("Change", "main")
    page.comes("!!field('move-db-1') && !!field('item-0')?.disabled")


def done(page: Page, it: House, id: str) -> dict[str, dict[str, Any]]:
    """Plan what is in the form, have it done, and return who is there then."""
    page.click("Plan", "form")
    page.shows("What will happen")
    page.click("Change redundant-data so")
    page.comes(f"location.pathname === {json.dumps(f'/vclusters/{id}')}")
    return settled(it, id)


def ticked(page: Page, name: str) -> None:
    page.comes(f"!!field({json.dumps(name)})")
    page.run(f"field({json.dumps(name)}).click()")


def of_another_zone(it: House, than: str) -> str:
    with it.session() as session:
        clouds = session.call("GET", "/v1/hosts")["clouds"]
    hosts = (host for each in clouds if each["name"] == "simulated" for host in each["hosts"])
    return str(next(each["name"] for each in hosts if each["zone"] != than))


def test_a_server_is_added_after_its_plan_was_shown(page: Page, it: House, id: str) -> None:
    opened(page, id)
    page.click("Add a server")
    page.fill("image-4", "demo-web")
    page.fill("flavor-4", "tiny")
    page.click("Plan", "form")
    page.shows("server-1 is made on", "Where everybody is")
    assert set(settled(it, id)) == {"db-1", "db-1-vol", "db-2", "db-2-vol"}
    page.click("Change redundant-data so")
    page.comes(f"location.pathname === {json.dumps(f'/vclusters/{id}')}")
    assert settled(it, id)["server-1"]["status"] == "ACTIVE"
    page.shows("server-1")


def test_what_others_changed_meanwhile_has_it_planned_again(page: Page, it: House, id: str) -> None:
    opened(page, id)
    page.click("Add a server")
    page.fill("image-5", "demo-web")
    page.fill("flavor-5", "tiny")
    page.click("Plan", "form")
    page.shows("is made on")
    theirs = {"vcluster": {"remove_instances": ["server-1"]}}
    with it.session() as session:
        project = session.call("GET", "/v1/session")["project"]
        session.call("PATCH", f"/v2/{project}/vclusters/{id}", body=theirs)
    assert "server-1" not in settled(it, id)
    page.click("Change redundant-data so")
    page.shows("this is no longer what would happen")
    with it.session() as session:
        session.call("PATCH", f"/v2/{project}/vclusters/{id}", body=SERVER_1)
    assert "server-1" in settled(it, id)


def test_who_goes_is_told_with_what_is_lost(page: Page, it: House, id: str) -> None:
    opened(page, id)
    page.click("Leave out db-1")
    page.click("Plan", "form")
    page.shows("remove both, or neither")
    opened(page, id)
    page.click("Leave out server-1")
    page.click("Plan", "form")
    page.shows("server-1 goes, last of all", "What will be lost")
    assert set(done(page, it, id)) == {"db-1", "db-1-vol", "db-2", "db-2-vol"}


def test_who_is_to_move_moves_to_the_host_that_is_named(page: Page, it: House, id: str) -> None:
    there = settled(it, id)
    target = of_another_zone(it, there["db-2"]["zone"])
    opened(page, id)
    for name in ("move-db-1", "move-db-1-vol"):
        ticked(page, name)
    page.comes("!field('to-host').disabled")
    page.fill("to-host", "nowhere")
    page.click("Plan", "form")
    page.shows("has no host 'nowhere'")
    page.comes("field('to-host').ariaInvalid === 'true'")
    page.fill("to-host", target)
    page.shows("as it was before you went on")
    after = done(page, it, id)
    assert [after[name]["host"] for name in ("db-1", "db-1-vol")] == [target, target]
    assert after["db-2"]["host"] == there["db-2"]["host"]


def test_a_rule_that_takes_moves_says_so_and_moves_as_few_as_can_be(
    page: Page, it: House, id: str
) -> None:
    opened(page, id)
    page.click("Add a rule")
    page.fill("rule-4", "proximity")
    for name in ("of-4-db-1", "of-4-db-2"):
        ticked(page, name)
    page.click("Plan", "form")
    page.shows("There is no placement", "Ways out, the cheapest first")
    page.comes(
        "!!(way = [...document.querySelectorAll('ol li button')].find("
        "(e) => /move/.test(e.ariaLabel)))"
    )
    page.run("way.click()")
    page.shows("What will happen", "moves:")
    after = done(page, it, id)
    assert after["db-1"]["zone"] == after["db-2"]["zone"]


def test_a_rule_that_is_not_kept_has_a_repair_planned(page: Page, it: House, id: str) -> None:
    opened(page, id)
    page.click("Add a rule")
    page.fill("rule-5", "soft-affinity")
    for name in ("of-5-db-1", "of-5-db-2"):
        ticked(page, name)
    done(page, it, id)
    page.shows("not kept")
    page.click("Plan a repair")
    page.shows("What will happen", "only wished for")
    page.comes("field('allow-moves').checked")

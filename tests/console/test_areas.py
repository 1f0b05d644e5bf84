"""The areas beside clusters: each page empty, then full, on a small screen, without complaint."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import browser
from browser import Page
from house import House, house
from vclusters import REDUNDANT, body, rule, server

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
SERVER = {"image": "demo-web", "flavor": "tiny"}
PROFILE = {"type": "os.nova.server", "version": "1.0", "properties": SERVER}


@pytest.fixture
def it(tmp_path: Path) -> Iterator[House]:
    """A house in which nothing is yet."""
    with house(tmp_path / "home", MUSTER_DEFAULT_CLOUD="simulated") as made:
        made.start()
        yield made


@pytest.fixture
def tab(it: House, tmp_path: Path) -> Iterator[Page]:
    """A tab as narrow as a small telephone."""
    with browser.opened(tmp_path, it.url) as page:
        page.resize(360)
        yield page


def each_fits(page: Page, told: Sequence[tuple[str, str]]) -> None:
    """Go to each page, wait for its words, and see that nothing is wider than the screen."""
    for path, words in told:
        page.go(path)
        page.shows(words)
        page.comes("!document.body.innerText.includes('Reading …')")
        over = page.run(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0, path


def writes(page: Page, name: str, value: object) -> None:
    """Have a text area hold this as JSON."""
    page.comes(f"!!field({json.dumps(name)})")
    said = json.dumps(json.dumps(value))
    found = f"field({json.dumps(name)})"
    page.run(
        f"({found}.value = {said}, {found}.dispatchEvent(new Event('input', {{bubbles: true}})))"
    )


def test_the_clustering_pages_teach_when_empty_and_show_what_there_is(
    page: Page, it: House
) -> None:
    each_fits(
        page,
        [
            ("/profiles", "muster profile create"),
            ("/policies", "muster policy create"),
            ("/nodes", "muster node create"),
            ("/receivers", "muster receiver create"),
            ("/actions", "muster cluster resize"),
            ("/events", "Nothing has happened yet"),
        ],
    )
    page.go("/profiles/new")
    page.fill("name", "small")
    page.fill("type", "os.nova.server-1.0")
    writes(page, "spec", {**PROFILE, "properties": {**SERVER, "flavour": "tiny"}})
    page.shows("flavour")
    page.comes("!!document.querySelector('#spec-word .wrong')")
    writes(page, "spec", PROFILE)
    page.shows("The service takes it as it is.")
    page.click("Create profile")
    page.shows("flavor: tiny")
    with it.session() as session:
        cluster = {"name": "web", "profile_id": "small", "min_size": 0, "desired_capacity": 2}
        session.call("POST", "/v1/clusters", body={"cluster": cluster})
    page.go("/policies/new")
    page.fill("name", "out")
    page.fill("type", "senlin.policy.scaling-1.0")
    page.fill("event", "CLUSTER_SCALE_OUT")
    page.shows("The service takes it as it is.")
    page.click("Create policy")
    page.shows("event: CLUSTER_SCALE_OUT")
    page.go("/receivers")
    page.click("Create webhook")
    page.fill("Name", "more")
    page.click("Create", "dialog[open]")
    page.shows("/trigger?V=2")
    page.go("/nodes")
    page.comes("document.querySelectorAll('tbody tr').length === 2")
    page.comes(
        "[...document.querySelectorAll('tbody tr')].every((e) => /ACTIVE/.test(e.innerText))"
    )
    each_fits(
        page,
        [
            ("/profiles", "small"),
            ("/policies", "senlin.policy.scaling-1.0"),
            ("/nodes?cluster=web", "small"),
            ("/receivers", "Scale out"),
            ("/actions", "for the one above"),
            ("/events?about=NODE", "node.created"),
        ],
    )


def test_the_servers_pages_teach_when_empty_and_show_what_there_is(page: Page, it: House) -> None:
    each_fits(
        page,
        [
            ("/servers", "muster server token add"),
            ("/server-tokens", "muster server token add"),
            ("/server-clusters", "muster server-cluster create"),
            ("/server-templates", "muster template add"),
            ("/warnings", "muster warning list"),
            ("/inventory", "muster server-cluster create"),
        ],
    )
    page.go("/server-tokens")
    page.click("Create token")
    page.fill("What for", "rack 7")
    page.fill("Uses", "none")
    page.click("Create", "dialog[open]")
    page.comes("!!document.querySelector('dialog[open] [role=alert]')")
    page.fill("Uses", "3")
    page.click("Create", "dialog[open]")
    page.shows("rack 7", '"server_token"', it.url)
    page.go("/servers")
    page.click("Expect a server")
    page.fill("Name", "m1")
    page.fill("System UUID", "4c4c4544-0000-1000-8000-000000000001")
    page.click("Expect it", "dialog[open]")
    page.shows("unregistered")
    template = {
        "name": "disks",
        "service_config_template": "lvm:\n  enabled: @LVM@\n",
        "application_config_template": "config: {}\n",
        "variables": {"LVM": {"description": "whether there are disks", "default": True}},
    }
    with it.session() as session:
        session.call("POST", "/1.0/provisioning/cluster-templates", body=template)
    each_fits(
        page,
        [
            ("/servers?q=m1", "unregistered"),
            ("/servers/m1", "4c4c4544-0000-1000-8000-000000000001"),
            ("/servers/nobody", "All servers"),
            ("/server-clusters/nowhere", "All clusters of servers"),
            ("/server-templates", "LVM"),
            ("/server-templates/disks", "enabled: @LVM@"),
        ],
    )
    page.go("/server-tokens")
    page.click("Remove rack 7")
    page.click("Remove", "dialog[open]")
    page.shows("There is no token")


def test_the_virtual_cluster_pages_show_a_plan_its_map_and_why_there_is_none(
    page: Page, it: House
) -> None:
    each_fits(page, [("/vclusters", "muster vcluster plan")])
    page.go("/vclusters/new")
    page.click("As text")
    page.fill("request", "{")
    page.shows("is not JSON")
    names = [f"db-{number}" for number in range(5)]
    writes(
        page,
        "request",
        body([server(each) for each in names], [rule("anti-affinity", *names, scope="zone")]),
    )
    page.click("Plan", "form")
    page.shows("There is no placement", "Ways out, the cheapest first")
    page.comes("document.querySelectorAll('ol li details').length > 0")
    writes(page, "request", body([server("db", imageRef="nothing")]))
    page.click("Plan", "form")
    page.shows("vcluster.instances[0].spec.imageRef")
    writes(page, "request", REDUNDANT)
    page.click("Plan", "form")
    page.shows("It can be placed", "Where everybody is")
    page.comes("document.querySelectorAll('.host').length === 2")
    page.click("Create redundant-data")
    page.comes("location.pathname.startsWith('/vclusters/') && !!find('Delete')")
    page.comes(
        "[...document.querySelectorAll('main h1 + .mark')].some((e) => /active/.test(e.innerText))"
    )
    here = str(page.run("location.pathname"))
    each_fits(page, [("/vclusters", "4 members on 2 hosts"), (here, "Where everybody is")])
    page.go(here)
    page.click("Plan another like it")
    page.comes("document.querySelectorAll('figure rect, figure ellipse').length === 4")
    page.comes("field('wish-name').value === ''")
    page.go(here)
    page.click("Delete", "main")
    page.shows("What will be lost")
    page.click("Delete", "dialog[open]")
    page.shows("There is no virtual cluster")


def test_events_are_drawn_as_far_as_somebody_reads(page: Page, it: House) -> None:
    with it.session() as session:
        for name in ("a", "b", "c", "d"):
            sizes = {"min_size": 0, "max_size": 20, "desired_size": 15}
            session.call("POST", "/v1/clusters", body={"name": name, **SERVER, **sizes})
    for name in ("a", "b", "c", "d"):
        it.settled(name)
    page.go("/activity")
    page.shows("earlier ones")
    rows = "document.querySelectorAll('main li').length"
    drawn = page.run(rows)
    assert drawn <= 80
    page.run("scrollTo(0, document.body.scrollHeight)")
    page.comes(f"{rows} > {drawn}")
    end = "scrollTo(0, document.body.scrollHeight)"
    page.comes(f"({end}, !document.body.innerText.includes('earlier ones'))")

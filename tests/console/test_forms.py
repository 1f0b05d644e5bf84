"""Forms of what clusters use, the simulator, the hosts, and going on in another project."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import browser
from browser import Page
from house import House, house
from muster.drivers.identity.users import add_user

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
DIALOG = "dialog[open]"
WEB = {
    "name": "web",
    "image": "demo-web",
    "flavor": "tiny",
    "min_size": 2,
    "max_size": 4,
    "scale_out_threshold": 0.7,
    "scale_in_threshold": 0.2,
}


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated"}
    with house(tmp_path_factory.mktemp("house") / "home", **settings) as made:
        made.start()
        with made.session() as session:
            session.call("POST", "/v1/clusters", body=WEB)
        made.settled("web")
        yield made


def wrong(page: Page, name: str) -> str:
    """Return what stands beside a field as wrong with it, once something does."""
    found = f"field({json.dumps(name)})?.closest('.field')?.querySelector('[role=alert]')"
    return str(page.comes(f"{found}?.innerText"))


def place(it: House) -> str:
    with it.session() as session:
        id = session.call("GET", "/v1/clusters/web")["cluster"]["id"]
    return f"/clusters/web/{id}"


def test_hosts_are_told_with_what_is_free(page: Page, it: House) -> None:
    page.go("/")
    page.shows("Hosts and capacity", "simulated")
    page.comes("document.querySelectorAll('[data-host]').length > 1")
    page.comes(
        "[...document.querySelectorAll('[data-host]')].some("
        "(e) => /1 instance/.test(e.innerText) && /used here/.test(e.innerText))"
    )


def test_a_cluster_is_a_picture_from_its_balancer_to_its_instances(page: Page, it: House) -> None:
    page.go(place(it))
    page.comes("document.querySelectorAll('.picture .host').length === 2")
    page.comes("document.querySelectorAll('.picture .host li').length === 2")


def test_rules_are_tried_on_a_load_and_nothing_is_changed(page: Page, it: House) -> None:
    page.go(f"{place(it)}?tab=scaling")
    page.shows("Try rules on a load", "As it is ruled")
    page.comes("!!document.querySelector('[aria-label=Simulator] canvas')")
    page.fill("trial-max", "1")
    page.comes("document.querySelectorAll('.scores th').length === 2")
    page.fill("trial-min", "5")
    assert "minimum" in wrong(page, "trial-max")
    page.fill("trial-min", "")
    page.fill("trial-max", "8")
    page.shows("As tried")
    most = "[...document.querySelectorAll('.scores tr:last-child td')].map((e) => e.innerText)"
    page.comes(f"({most})[1] === '4' && ({most})[2] === '8'")
    page.fill("trial-into", "90")
    page.fill("trial-out", "80")
    assert "less than" in wrong(page, "trial-into")
    page.fill("trial-into", "")
    page.fill("trial-out", "10")  # which is under the threshold of the cluster that removes
    assert "less than scale_out_threshold" in wrong(page, "trial-into")
    page.fill("trial-out", "")
    page.fill("trial-shape", "measured")
    page.fill("trial-csv", "time,load\n0,100\n60,much")
    assert "line 3: 'much' is no load" in wrong(page, "trial-csv")
    page.fill("trial-csv", "time,load\n0,100\n1800,700\n3600,700")
    page.shows("As tried")
    assert it.settled("web")["max_size"] == WEB["max_size"]


def test_what_is_wrong_with_a_change_of_a_cluster_stands_at_its_field(
    page: Page, it: House
) -> None:
    page.go(f"{place(it)}?tab=settings")
    page.fill("min_size", "9")
    assert "at most the maximum (4)" in wrong(page, "min_size")
    page.fill("min_size", "2")
    page.fill("scale_in_threshold", "")
    assert "give both or none" in wrong(page, "scale_in_threshold")
    page.fill("scale_in_threshold", "20")
    assert page.run("!find('Show the plan')")  # nothing differs
    page.fill("scaling_mode", "shadow")
    page.click("Show the plan")
    page.shows("What will happen")
    page.click("Change", DIALOG)
    page.comes(f"!document.querySelector('{DIALOG}')")
    assert it.settled("web")["scaling_mode"] == "shadow"
    page.shows("Scaling\nshadow")


def test_a_virtual_cluster_is_woven_from_fields_and_asked_for_less(page: Page) -> None:
    page.go("/vclusters/new")
    for number in range(4):
        page.click("Add a server")
        page.fill(f"image-{number}", "demo-web")
        page.fill(f"flavor-{number}", "tiny")
    page.click("Add a volume")
    assert wrong(page, "wish-name") == "is required"
    page.fill("wish-name", "woven")
    changes(page, "size-4", "big")
    assert "whole GiB" in wrong(page, "size-4")
    changes(page, "size-4", "5")
    page.fill("attach-4", "server-2")
    page.comes("document.querySelectorAll('figure line.tied').length === 1")
    page.click("Add a rule")
    page.comes("!!document.querySelector('fieldset [role=alert]')")
    for number in range(1, 5):
        page.run(f"field('of-0-server-{number}').click()")
    page.fill("scope-0", "zone")
    page.comes("document.querySelectorAll('figure line.apart').length === 3")
    page.click("Plan", "form")
    page.shows("There is no placement", "Ways out, the cheapest first")
    page.comes("[...document.querySelectorAll('ol button')].some((e) => /so: let/.test(said(e)))")
    page.run(
        "[...document.querySelectorAll('ol button')].find((e) => /so: let/.test(said(e))).click()"
    )
    page.shows("It can be placed", "Where everybody is")
    assert page.run("field('most-0').value") == "2"
    page.click("As text")
    page.comes("field('request').value.includes('max_per_host')")
    field = "field('request')"
    typed = "vcluster: {name: typed, instances: []}"
    page.run(f"({field}.value = '{typed}', {field}.dispatchEvent(new Event('input')))")
    page.comes("field('wish-name')?.value === 'typed'")


def changes(page: Page, name: str, value: str) -> None:
    """Type into a field that counts once it is left."""
    page.fill(name, value)
    page.run(f"field({json.dumps(name)}).dispatchEvent(new Event('change', {{bubbles: true}}))")


def test_a_volume_is_made_enlarged_and_deleted(page: Page, it: House) -> None:
    page.go("/volumes")
    page.click("Create volume")
    page.click("Create", DIALOG)
    assert wrong(page, "name") == "is required"
    page.fill("name", "two words")
    assert "letters, digits" in wrong(page, "name")
    page.fill("name", "kept")
    page.fill("Size (GiB)", "1.5")
    assert "whole GiB" in wrong(page, "size_gib")
    page.fill("Size (GiB)", "2")
    page.fill("Zone", "nowhere")
    page.click("Create", DIALOG)
    assert "nowhere" in page.comes(f"document.querySelector('{DIALOG} [role=alert]')?.innerText")
    page.fill("Zone", "")
    page.click("Create", DIALOG)
    page.shows("kept", "2 GiB")
    page.click("Enlarge")
    page.fill("Size (GiB)", "1")
    assert "not be less" in wrong(page, "size_gib")
    page.fill("Size (GiB)", "3")
    page.click("Enlarge", DIALOG)
    page.shows("3 GiB")
    page.click("Move", "main")
    page.fill("Host", "nobody")
    page.click("Move", DIALOG)
    page.comes(f"!!document.querySelector('{DIALOG} [role=alert]')")
    page.click("Cancel", DIALOG)
    page.click("Delete", "main")
    page.click("Delete", DIALOG)
    page.shows("There is no volume")


def test_a_network_is_checked_and_asked_for_where_one_can_be_made(page: Page) -> None:
    page.go("/networks")
    page.click("Create network")
    page.fill("name", "Big Net")
    assert "lower-case" in wrong(page, "name")
    page.fill("name", "inner")
    page.fill("cidr", "10.20.0.0")
    assert "10.20.0.1/24" in wrong(page, "cidr")
    page.fill("cidr", "10.20.0.0/24")  # of the net, and not of its gateway
    page.click("Create", DIALOG)
    assert "gateway's address" in wrong(page, "cidr")  # as the service says
    page.fill("cidr", "10.20.0.1/24")
    page.fill("type", "bridge")
    page.click("Create", DIALOG)
    page.shows("cloud simulated makes no networks")
    page.click("Cancel", DIALOG)


def test_a_flavor_with_wrong_numbers_is_not_made(page: Page, it: House) -> None:
    page.go("/flavors")
    page.click("Create flavor")
    page.fill("name", "odd")
    page.fill("vCPU", "none")
    assert wrong(page, "vcpus") == "must be a number"
    page.fill("vCPU", "0")
    assert wrong(page, "vcpus") == "must be more than 0"
    page.fill("vCPU", "1")
    page.click("Create", DIALOG)
    assert wrong(page, "memory_mib") == "is required"
    page.fill("Memory (MiB)", "256")
    page.click("Create", DIALOG)
    page.shows("256 MiB")


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[House]:
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated", "MUSTER_IDENTITY": "basic"}
    with house(tmp_path / "home", **settings) as made:
        users = made.home / "users.toml"
        add_user(users, "ann", "correct horse", {"demo": ("member",), "lab": ("reader",)})
        made.start()
        yield made


def test_who_has_several_projects_goes_on_in_another(closed: House, tmp_path: Path) -> None:
    with browser.opened(tmp_path, closed.url) as page:
        page.resize(1280)
        page.go("/clusters")
        page.fill("User", "ann")
        page.fill("Password", "correct horse")
        page.click("Sign in")
        page.shows("Create cluster", "Live")
        page.fill("project", "lab")
        page.comes("field('project')?.value === 'lab' && location.pathname === '/'")
        page.shows("Live")
        assert not page.run("!!find('Create cluster')")
        page.fill("project", "demo")
        page.comes("!!find('Create cluster')")
        assert page.errors == []

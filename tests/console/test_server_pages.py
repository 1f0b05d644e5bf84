"""Clusters of servers from their form to their end, on servers that answer by TLS."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import browser
from browser import Page
from house import House, house
from metal_doors import Row, register, standing

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
LVM = "lvm:\n  enabled: @LVM@\n"
NVME = "enabled: true\n  targets: [{transport: tcp, address: 10.9.0.1, port: 4420}]"
DIALOG = "dialog[open]"


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> Row:
    return Row(4, tmp_path_factory.mktemp("row"))


@pytest.fixture(scope="module")
def it(row: Row, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("house")
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated"}
    with house(home / "home", **settings) as made, standing(row, row.home) as contexts:
        made.start()
        register(made, row, contexts)
        yield made


@pytest.fixture(scope="module")
def tab(it: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    home: Path = tmp_path_factory.mktemp("browser")
    with browser.opened(home, it.url) as page:
        page.resize(1280)
        yield page


def ticks(page: Page, name: str) -> None:
    page.comes(f"!!field({json.dumps(name)})")
    page.run(f"field({json.dumps(name)}).click()")


def marked(page: Page, name: str) -> str:
    """Return what stands beside a field as wrong with it, once something does."""
    found = f"field({json.dumps(name)})?.closest('.field, fieldset').querySelector('[role=alert]')"
    return str(page.comes(f"{found}?.innerText"))


def status(page: Page, words: str, seconds: float = 60) -> None:
    """Wait until the mark under the title says this."""
    said = json.dumps(words)
    page.comes(f"document.querySelector('main h1 + .mark')?.innerText.trim() === {said}", seconds)


def test_a_template_is_checked_while_it_is_typed_and_filled_in_before_it_is_used(
    page: Page,
) -> None:
    page.go("/server-templates/new")
    page.fill("name", "two words")
    assert "without spaces" in marked(page, "name")
    page.fill("name", "disks")
    page.fill("service_config_template", LVM)
    assert "@LVM@, which is no variable" in marked(page, "service_config_template")
    page.click("Add to the variables")
    page.fill("variables", "LVM: [")
    assert "is not YAML" in marked(page, "variables")
    page.fill("variables", "LVM: {type: bool, default: [1]}\n")
    page.click("Create template", "form")
    assert "LVM" in marked(page, "variables")  # as only the service knows
    page.fill("variables", "LVM: {type: bool, description: whether there are disks}\n")
    page.click("Create template", "form")
    page.comes("location.pathname === '/server-templates/disks'")
    page.shows("Shown with its places")
    page.fill("value-LVM", "perhaps")
    page.shows("must be true or false")
    page.fill("value-LVM", "false")
    page.shows("enabled: false", "Shown as it is with these values")
    page.click("Rename")
    page.fill("New name", "")
    page.click("Rename", DIALOG)
    page.shows("is required")
    page.fill("New name", "rack")
    page.click("Rename", DIALOG)
    page.comes("location.pathname === '/server-templates/rack'")
    page.click("Change")
    page.fill("description", "of the cellar")
    page.click("Change", "form")
    page.shows("of the cellar", "Try a value")


def test_what_is_wrong_with_a_server_is_acknowledged(page: Page, row: Row) -> None:
    row.metals["m4"].dead = True
    page.go("/servers/m4")
    page.click("Ask again: m4")
    page.click("Ask", DIALOG)
    page.go("/warnings")
    page.shows("m4", seconds=60)
    acknowledge = (
        "[...document.querySelectorAll('button')].find((e) => /^Acknowledge .*m4/.test(said(e)))"
    )
    page.comes(f"!!{acknowledge}")
    page.run(f"{acknowledge}.click()")
    page.click("Acknowledge", DIALOG)
    page.shows("acknowledged")
    row.metals["m4"].dead = False
    page.go("/servers/m4")
    page.click("Ask again: m4")
    page.click("Ask", DIALOG)
    status(page, "ready")


def test_a_cluster_of_servers_from_its_form_to_its_end(it: House, page: Page, row: Row) -> None:
    with it.session() as session:
        variables = {"LVM": {"type": "bool"}, "PW": {"type": "secret"}}
        template = {
            "name": "shelf",
            "service_config_template": LVM,
            "application_config_template": "config: {user.word: @PW@}\n",
            "variables": variables,
        }
        session.call("POST", "/1.0/provisioning/cluster-templates", body=template)
    what_speaks_against_it_stands_at_its_field(page, row)
    its_steps_are_seen_as_they_are_taken(page)
    a_server_joins_leaves_and_comes_back(page)
    a_round_is_foretold_paused_and_ended(page, row)
    a_change_to_all_is_foreseen_for_each_and_made(page, row)
    it_is_called_otherwise_and_reset(page, row)


def what_speaks_against_it_stands_at_its_field(page: Page, row: Row) -> None:
    page.go("/server-clusters")
    page.shows("There is no cluster of servers")
    page.click("Create cluster", "main")
    page.run("window.marked = true")
    page.click("Create cluster", "form")
    assert marked(page, "name") == "is required"
    assert marked(page, "server-m1") == "choose one at least"
    page.fill("name", "c1")
    for name in ("m1", "m2", "m3"):
        ticks(page, f"server-{name}")
    page.fill("services_config", "lvm: {")
    assert "is not YAML" in marked(page, "services_config")
    page.fill("services_config", "floppies: {enabled: true}\n")
    assert "floppies" in marked(page, "services_config")
    page.fill("services_config", "nvme: {enabled: true}\n")
    page.shows("Nothing speaks against it", "m2: nvme")
    page.click("A template", "form")
    page.fill("template", "shelf")
    page.fill("value-LVM", "maybe")
    assert marked(page, "value-LVM") == "must be true or false"
    page.fill("value-LVM", "false")
    assert page.run("document.querySelector('[name=value-PW]').type") == "password"
    page.fill("value-PW", "ses")
    assert marked(page, "value-PW") == "must be a text of 4 signs at least"
    page.fill("value-PW", "sesame")
    page.shows("Nothing speaks against it", "m2: lvm")
    row.metals["m2"].dead = True
    page.fill("description", "of three")
    ticks(page, "server-m1")
    ticks(page, "server-m1")  # is asked again, and is the last now
    assert "m2" in marked(page, "server-m1")
    row.metals["m2"].dead = False
    ticks(page, "server-m3")
    ticks(page, "server-m3")
    page.shows("Nothing speaks against it")


def its_steps_are_seen_as_they_are_taken(page: Page) -> None:
    ticks(page, "cloud")
    page.click("Create cluster", "form")
    page.comes("location.pathname === '/server-clusters/c1'")
    page.shows("Its job: create", "Who is where")
    status(page, "ready")
    page.shows("Its last job: create")
    page.comes("document.querySelectorAll('table.board tbody tr').length === 3")
    assert page.run("window.marked") is True


def a_server_joins_leaves_and_comes_back(page: Page) -> None:
    page.click("Add servers")
    page.click("Add", DIALOG)
    page.shows("choose one at least")
    ticks(page, "server-m4")
    page.click("Add", DIALOG)
    page.shows("Its last job: add-servers", seconds=60)
    status(page, "ready")
    page.click("Evacuate m4")
    page.click("Evacuate", DIALOG)
    page.comes("!!find('Restore m4')", 60)
    page.click("Restore m4")
    page.click("Restore", DIALOG)
    page.comes("!!find('Evacuate m4')", 60)
    page.click("Evacuate m4")
    page.click("Evacuate", DIALOG)
    page.comes("!!find('Restore m4') && !!find('Remove servers')", 60)
    page.click("Remove servers")
    ticks(page, "server-m4")
    page.click("Remove", DIALOG)
    page.shows("Its last job: remove-servers", seconds=60)
    page.comes("!find('m4')")


def a_round_is_foretold_paused_and_ended(page: Page, row: Row) -> None:
    page.click("Reboot")
    page.fill("max_parallel", "many")
    page.shows("must be a number from 1 to 100")
    page.fill("max_parallel", "3")
    page.click("Show the plan")
    page.shows("What speaks against it")
    assert page.run(f"document.querySelector('{DIALOG} .primary').disabled")
    page.click("Cancel", DIALOG)
    page.click("Reboot")
    page.fill("max_parallel", "")
    page.click("Show the plan")
    page.shows("m1: evacuate the server", "m3: reboot the server")
    page.click("Reboot", DIALOG)
    page.shows("Its job: reboot")
    page.click("Pause")
    page.click("Pause", DIALOG)
    page.click("Resume")
    page.click("Resume", DIALOG)
    page.shows("Its last job: reboot", seconds=120)
    assert [row.metals[name].reboots for name in ("m1", "m2", "m3")] == [1, 1, 1]
    page.click("Update")
    page.click("Show the plan")
    page.click("Update", DIALOG)
    page.click("End it")
    page.click("End it", DIALOG)


def a_change_to_all_is_foreseen_for_each_and_made(page: Page, row: Row) -> None:
    page.shows("Its last job: update", seconds=60)
    page.click("Change all alike")
    page.click("Show what would become of each")
    assert marked(page, "action") == "choose one"
    page.fill("action", "set_service")
    page.fill("parallel", "65")
    assert "from 1 to 64" in marked(page, "parallel")
    page.fill("parallel", "2")
    page.fill("arguments", "config: {}\n")
    page.click("Show what would become of each")
    assert "is required" in marked(page, "arguments")
    page.fill("arguments", f"service: nvme\nconfig:\n  {NVME}\n")
    page.click("Show what would become of each")
    page.comes("document.querySelectorAll('tr[data-name]').length === 3")
    page.shows("would be changed")
    assert not any(each.services.get("nvme") for each in row.metals.values())
    page.click("Change them")
    page.comes(
        "[...document.querySelectorAll('tr[data-name]')].filter("
        "(e) => /changed/.test(e.innerText) && !/would/.test(e.innerText)).length === 3",
        30,
    )
    assert all(row.metals[name].services["nvme"]["enabled"] for name in ("m1", "m2", "m3"))


# Before the browser has told that the dialog is closed.
ANOTHER_AT_ONCE = """(async () => {
    const drawn = async () => { for (let turn = 0; turn < 50; turn++) await null; };
    find("Cancel", document.querySelector("dialog[open]")).click();
    find("Delete", document.querySelector("main")).click();
    await drawn();
    field("mode").value = "factory-reset";
    field("mode").dispatchEvent(new Event("change", {bubbles: true}));
    await drawn();
    find("Show what goes").click();
})()"""


def it_is_called_otherwise_and_reset(page: Page, row: Row) -> None:
    page.click("c1", "main")
    page.click("Rename")
    page.fill("New name", "a b")
    page.shows("without spaces")
    page.fill("New name", "cellar")
    page.click("Rename", DIALOG)
    page.comes("location.pathname === '/server-clusters/cellar'")
    page.click("Delete", "main")
    page.fill("mode", "normal")
    page.click("Show what goes")
    page.click("Delete", DIALOG)
    page.comes("!!document.querySelector('dialog[open] [role=alert]')")  # it has servers
    page.run(ANOTHER_AT_ONCE)
    page.shows("all instances, volumes and images in it")
    page.click("Delete", DIALOG)
    page.go("/server-clusters")
    page.shows("There is no cluster of servers", seconds=60)
    assert all(each.resets for each in row.metals.values())

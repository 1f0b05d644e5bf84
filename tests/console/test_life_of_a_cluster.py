"""A cluster from its form to its end, in one browser tab that is never loaded anew."""

import os
import signal

import pytest

from browser import Page
from house import House, until
from muster.cli.load import Load

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]


def rows(page: Page) -> list[str]:
    """Return the members shown, each with all that is said of it."""
    found: list[str] = page.run(
        "[...document.querySelectorAll('tr[data-name]')].map((e) => e.innerText)"
    )
    return found


def well(page: Page) -> int:
    return sum("balancer: good" in row and "answers: good" in row for row in rows(page))


def what_is_typed_wrong_is_told_beside_it_and_nothing_is_made(page: Page, it: House) -> None:
    page.go("/clusters")
    page.shows("There is no cluster yet", "Live")
    page.click("Create cluster", "main")
    page.run("window.marked = true")  # a page loaded anew would not have it
    page.fill("name", "-web")
    page.shows("not '-' at either end")
    page.fill("min_size", "9")
    page.shows("must be at most the maximum (6)")
    page.fill("scale_in_threshold", "80")
    page.shows("must be less than the threshold that adds")
    page.click("Create cluster", "form")
    page.shows("is required")
    with it.session() as session:
        assert session.call("GET", "/v1/clusters") == {"clusters": []}


def what_only_the_service_can_know_is_told_at_its_field(page: Page) -> None:
    page.fill("name", "web")
    page.fill("min_size", "2")
    page.fill("scale_in_threshold", "20")
    page.fill("image", "demo-web")
    page.fill("flavor", "tiny")
    page.fill("max_size", "5000")
    page.comes(
        "[...document.querySelectorAll('[role=alert]')].some((e) => e.innerText.includes('1000'))"
    )
    page.fill("max_size", "4")


def the_form_shows_its_plan_and_its_command_and_makes_the_cluster(page: Page) -> None:
    page.shows("create an instance for web-001 from demo-web", "load balancer: serve web")
    command = page.run("document.querySelector('aside pre').innerText")
    assert command.startswith("muster cluster create web --image demo-web --flavor tiny --min 2 ")
    page.click("Create cluster", "form")
    page.comes("location.pathname.startsWith('/clusters/web/')")
    page.shows("create complete", seconds=60)
    page.click("Members", "nav.tabs")
    until(lambda: well(page) == 2, 120, "both members are well on the page")
    page.click("Scaling", "nav.tabs")
    page.shows("The last decision", seconds=120)
    page.shows("%")
    page.click("Summary", "nav.tabs")
    page.comes("!!document.querySelector('figure canvas')")
    assert page.run("window.marked") is True


def the_list_shows_its_requests_a_second(page: Page) -> None:
    page.click("Clusters", "nav")
    page.comes(
        "[...document.querySelectorAll('svg[role=img]')].some((e) =>"
        " / requests a second now/.test(e.ariaLabel) && parseFloat(e.ariaLabel) > 50)",
        60,
    )
    page.click("web", "table")


def under_load_it_grows_as_is_seen_and_shrinks_when_it_is_told(page: Page, it: House) -> None:
    with it.session() as session:
        url = it.details(session, "web")["load_balancer_url"]
    page.click("Scaling", "nav.tabs")
    with Load(f"{url}work?ms=2") as load:
        load.rate = 250
        page.comes(
            "[...document.querySelectorAll('tbody tr')]"
            ".some((e) => e.cells[1].innerText === 'out')",
            90,
        )
        page.click("Members", "nav.tabs")
        until(lambda: well(page) > 2, 60, "a third member is well on the page")
        the_list_shows_its_requests_a_second(page)
        assert load.total.failed == 0
    page.click("Summary", "nav.tabs")
    page.comes("document.querySelectorAll('.picture li').length > 2")
    page.click("Settings", "nav.tabs")
    page.fill("max_size", "2")
    page.click("Show the plan")
    page.shows("What will happen")
    page.click("Change", "dialog[open]")
    page.click("Members", "nav.tabs")
    until(lambda: len(rows(page)) == 2 and well(page) == 2, 180, "two members are left")
    assert page.run("window.marked") is True


def an_instance_that_is_killed_is_replaced_before_the_readers_eyes(page: Page, it: House) -> None:
    page.click("Members", "nav.tabs")
    name, process = next(iter(it.instances().items()))
    os.kill(process, signal.SIGKILL)
    page.click("Activity", "nav.tabs")
    page.shows("node.sick", seconds=120)
    page.click("Members", "nav.tabs")

    def healed() -> bool:
        there = it.instances()
        return process not in there.values() and len(there) == 2 and well(page) == 2

    until(healed, 60, f"{name} is replaced and the page shows it")
    assert page.run("window.marked") is True


OPEN = "document.querySelector('dialog[open]')"


def a_member_is_protected_by_its_row_and_let_go_again(page: Page) -> None:
    page.run("document.querySelector('tr[data-name] details').open = true")
    _by_row(page, "Protect")
    until(lambda: "\nprotected" in rows(page)[0], 60, "the row says so")
    _by_row(page, "Unprotect")
    until(lambda: "\nprotected" not in rows(page)[0], 60, "the row says so no more")


def _by_row(page: Page, verb: str) -> None:
    """Do something with the first member, once its plan has been seen."""
    page.click(verb, "tr[data-name]")
    page.shows("What will happen")
    page.click(verb, "dialog[open]")
    page.comes(f"!({OPEN}) || ({OPEN}).innerText.includes('no longer what would happen')")
    if page.run(f"!!({OPEN})"):  # something else was settled meanwhile: the plan is seen anew
        page.click(verb, "dialog[open]")
        page.comes(f"!({OPEN})")


def a_command_is_run_in_a_member_and_what_it_prints_is_shown(page: Page) -> None:
    page.run("document.querySelector('tr[data-name] details').open = true")
    page.click("Run a command", "tr[data-name]")
    page.fill("command", "echo $((6 * 7)); echo no >&2; exit 3")
    page.click("Show what happens")
    page.shows("What will happen", "run sh in web-")
    page.click("Run it", "dialog[open]")
    page.shows("ended with 3")
    told = page.run("[...document.querySelectorAll('[role=status] ~ pre')].map((e) => e.innerText)")
    assert [each.strip() for each in told] == ["42", "no"]


def a_snapshot_becomes_an_image_that_can_be_chosen(page: Page) -> None:
    page.run("document.querySelector('tr[data-name] details').open = true")
    page.click("Create snapshot", "tr[data-name]")
    page.fill("Name of the image", "not a name!")
    page.click("Create snapshot", "dialog[open]")
    page.shows("letters, digits")
    page.fill("Name of the image", "web-kept")
    page.click("Create snapshot", "dialog[open]")
    page.comes("!document.querySelector('dialog[open]')")
    page.click("Update", "nav.tabs")
    page.fill("update-image", "web-kept")


def an_update_is_followed_in_the_panel_to_its_end(page: Page) -> None:
    page.fill("update-image", "demo-web-v2")
    page.click("Show the plan")
    page.shows("What will happen")
    page.click("Start update", "dialog[open]")
    page.click("Notifications")
    page.shows("Update web")
    page.comes("document.querySelectorAll('#bell progress').length > 0", 30)
    page.comes(
        "[...document.querySelectorAll('#bell li')].some((e) => "
        "e.innerText.startsWith('done\\nUpdate web') || /Update web\\s+done/.test(e.innerText))",
        120,
    )
    page.click("Close", "#bell")
    page.shows("2 of 2 instances are of demo-web-v2")
    assert page.run("window.marked") is True


def the_panel_knows_after_a_reload_what_ended_before(page: Page) -> None:
    page.go("/")
    page.click("Notifications")
    page.shows("Create web", "Update web")
    page.click("Close", "#bell")


def a_cluster_goes_once_its_reader_has_seen_what_goes_with_it(page: Page, it: House) -> None:
    page.go("/clusters")
    page.click("web")
    page.click("Delete")
    page.shows("What will be lost", "the cluster web and its revisions", "This cannot be undone.")
    page.click("Cancel", "dialog[open]")
    assert it.instances()
    page.click("Delete")
    page.click("Delete cluster", "dialog[open]")
    page.comes("location.pathname === '/clusters'")
    page.shows("There is no cluster yet", seconds=60)
    until(lambda: not it.instances(), 120, "no instance is left")


def test_a_cluster_from_its_form_to_its_end(page: Page, it: House) -> None:
    what_is_typed_wrong_is_told_beside_it_and_nothing_is_made(page, it)
    what_only_the_service_can_know_is_told_at_its_field(page)
    the_form_shows_its_plan_and_its_command_and_makes_the_cluster(page)
    under_load_it_grows_as_is_seen_and_shrinks_when_it_is_told(page, it)
    an_instance_that_is_killed_is_replaced_before_the_readers_eyes(page, it)
    a_member_is_protected_by_its_row_and_let_go_again(page)
    a_command_is_run_in_a_member_and_what_it_prints_is_shown(page)
    a_snapshot_becomes_an_image_that_can_be_chosen(page)
    an_update_is_followed_in_the_panel_to_its_end(page)
    the_panel_knows_after_a_reload_what_ended_before(page)
    a_cluster_goes_once_its_reader_has_seen_what_goes_with_it(page, it)

"""The console by keys alone, by ear, without motion, while one is elsewhere, and after a loss."""

from collections.abc import Iterator

import pytest

from browser import Page
from house import House, house

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
WEB = {"name": "web", "image": "demo-web", "flavor": "tiny", "min_size": 1, "max_size": 4}
FOCUSED = "said(document.activeElement)"
# Notes what the browser is asked to tell, which no screen shows here.
NOTED = """
window.noted = [];
const Real = window.Notification;
window.Notification = class extends Real {
  constructor(title, more) { super(title, more); window.noted.push(title); }
};
"""


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated"}
    with house(tmp_path_factory.mktemp("house") / "home", **settings) as made:
        made.start()
        with made.session() as session:
            session.call("POST", "/v1/clusters", body=WEB)
        made.settled("web")
        yield made


def tabbed(page: Page, times: int = 1) -> str:
    """Return what has the focus after so many presses of the Tab key."""
    for _ in range(times):
        page.press("Tab")
    return str(page.run(FOCUSED))


def test_the_first_key_offers_the_way_past_the_menu(page: Page) -> None:
    page.go("/images")
    page.shows("Live", "demo-web")
    assert tabbed(page) == "Skip to the content"
    assert page.run("document.activeElement.getBoundingClientRect().width") > 50
    page.press("Enter")
    page.comes("document.activeElement.id === 'main'")
    assert tabbed(page) == "Name"  # the first thing to act on in the page itself


def test_keys_go_through_the_page_in_the_order_in_which_it_reads(page: Page) -> None:
    page.go("/images")
    page.shows("Live", "demo-web")
    words = [tabbed(page) for _ in range(9)]
    assert words[1] == "Muster"
    assert words[-4:] == ["Overview", "Compute", "Clusters", "Virtual clusters"]


def test_a_group_of_the_menu_opens_by_a_key_and_where_one_is(page: Page) -> None:
    page.go("/profiles")
    page.shows("os.nova.server-1.0")
    assert page.run("!!find('Receivers') && !find('Flavors')")
    page.run("find('Compute').focus()")
    page.press("Enter")
    page.comes("!!find('Flavors') && !!find('Receivers')")
    page.press("Enter")
    page.comes("!find('Flavors')")
    page.go("/servers")
    page.comes("!!find('Warnings') && !find('Receivers') && !find('Flavors')")


def test_whoever_goes_on_by_a_link_reads_on_in_the_new_page(page: Page) -> None:
    page.go("/")
    page.shows("Live")
    page.run("find('Clusters').focus()")
    page.press("Enter")
    page.comes("location.pathname === '/clusters' && document.activeElement.id === 'main'")


LEFT_AND_OPENED = """((form) => {
    const told = new Promise((then) => form.addEventListener("close", () => then(null)));
    form.requestClose();
    return Promise.resolve().then(() => find("Create volume").click()).then(() => told);
})(document.querySelector("dialog[open]"))"""


def test_a_form_is_filled_and_sent_by_keys_alone(page: Page) -> None:
    page.go("/volumes")
    page.comes("!!find('Create volume')")
    page.run("find('Create volume').focus()")
    page.press("Enter")
    page.comes("document.querySelector('dialog[open]')?.contains(document.activeElement)")
    page.press("Escape")
    page.comes("!document.querySelector('dialog[open]')")
    assert page.run(FOCUSED) == "Create volume"
    page.press("Enter")
    page.comes("document.activeElement.tagName === 'INPUT'")
    page.ask("Input.insertText", text="data")
    page.press("Tab")
    page.ask("Input.insertText", text="3")
    page.press("Enter")
    page.shows("data", "3 GiB")


def test_a_form_can_be_had_again_the_moment_it_was_left(page: Page) -> None:
    page.go("/volumes")
    page.click("Create volume")
    page.comes("!!document.querySelector('dialog[open]')")
    page.run(LEFT_AND_OPENED)  # until the page was told that the first one is closed
    page.comes("!!document.querySelector('dialog[open]')")


def test_nothing_moves_for_whoever_asked_for_stillness(page: Page, it: House) -> None:
    def moving(wish: str) -> int:
        features = [{"name": "prefers-reduced-motion", "value": wish}]
        page.ask("Emulation.setEmulatedMedia", features=features)
        page.run(
            "(() => { const e = document.createElementNS('http://www.w3.org/2000/svg', 'svg');"
            " e.classList.add('turning'); document.body.append(e); })()"
        )
        return int(page.run("document.getAnimations().length"))

    page.go("/")
    page.shows("Live")
    assert moving("reduce") == 0
    assert moving("no-preference") > 0


def test_times_are_of_the_readers_place_with_the_one_of_the_world_at_hand(page: Page) -> None:
    page.ask("Emulation.setTimezoneOverride", timezoneId="Asia/Kolkata")
    page.go("/clusters")
    page.comes("!!document.querySelector('tbody time')")
    said, title, at = page.run(
        "(([e]) => [e.textContent, e.title, e.dateTime])(document.querySelectorAll('tbody time'))"
    )
    page.ask("Emulation.setTimezoneOverride", timezoneId="UTC")
    assert title == at.replace("T", " ").replace("Z", " UTC")
    minutes = int(at[14:16])
    assert f":{(minutes + 30) % 60:02}" in said  # five and a half hours ahead of UTC


def test_the_browser_tells_of_what_ended_elsewhere_to_whoever_chose_it(
    page: Page, it: House
) -> None:
    page.before_all(NOTED)
    page.go("/clusters")
    page.shows("Live", "web")
    page.click("Notifications")
    page.run("field('Tell me in this browser').click()")
    page.shows("told to take no notifications")
    allowed = {"permissions": ["notifications"], "origin": it.url}
    page.ask("Browser.grantPermissions", **allowed)
    page.run("field('Tell me in this browser').click()")
    page.comes("field('Tell me in this browser').checked")
    grown(it, 2)
    ended = "/done/.test(e.innerText) && /Resize web/.test(e.innerText)"
    page.comes(f"[...document.querySelectorAll('#bell li')].some((e) => {ended})")
    assert page.run("noted") == []  # the reader was looking
    other = page.another()
    other.ask("Page.bringToFront")
    page.comes("document.hidden || !document.hasFocus()")
    grown(it, 3)
    page.comes("noted.length > 0")
    assert page.run("noted") == ["Resize web: done"]
    other.ask("Page.close")
    page.ask("Page.bringToFront")
    page.go("/clusters")
    page.click("Notifications")
    assert page.run("field('Tell me in this browser').checked")  # kept
    page.run("field('Tell me in this browser').click()")
    page.comes("!field('Tell me in this browser').checked")


def grown(it: House, size: int) -> None:
    with it.session() as session:
        id = session.call("GET", "/v1/clusters/web")["cluster"]["id"]
        session.call("PATCH", f"/v1/clusters/web/{id}", body={"desired_size": size})
    it.settled("web")

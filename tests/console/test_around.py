"""What belongs to every page: palette, filters, themes, screens, a line that breaks, sign-in."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import browser
from browser import Page
from house import House, house
from muster.api.console import BUILT
from muster.drivers.identity.users import add_user

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
FIRST_LOAD = 150_000  # bytes of JavaScript, packed
WEB = {"name": "web", "image": "demo-web", "flavor": "tiny", "min_size": 1, "max_size": 2}


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated"}
    with house(tmp_path_factory.mktemp("house") / "home", **settings) as made:
        made.start()
        with made.session() as session:
            session.call("POST", "/v1/clusters", body=WEB)
        made.settled("web")
        yield made


def test_what_the_first_page_loads_is_small() -> None:
    page = (BUILT / "index.html").read_text()
    scripts = re.findall(r'(?:src|href)="/(assets/[^"]+\.js)"', page)
    size = sum(len(gzip.compress((BUILT / each).read_bytes(), 9)) for each in scripts)
    print(f"\nfirst load: {size} bytes of JavaScript, packed")
    assert scripts
    assert size <= FIRST_LOAD


def test_the_page_asks_nobody_but_its_own_host(page: Page, it: House) -> None:
    page.go("/")
    page.shows("Needs attention", "Live")
    asked = page.run("performance.getEntriesByType('resource').map((e) => e.name)")
    assert asked
    assert [each for each in asked if not each.startswith(f"{it.url}/")] == []


def test_the_palette_goes_where_its_words_say(page: Page) -> None:
    page.go("/")
    page.shows("Live")
    page.press("k", ctrl=True)
    page.fill("Go to or do", "netw")
    page.press("Enter")
    page.comes("location.pathname === '/networks'")
    page.shows("10.0.0.0/10")
    page.press("k", ctrl=True)
    page.fill("Go to or do", "web")
    page.press("Enter")
    page.comes("location.pathname.startsWith('/clusters/web/')")


def test_filters_are_in_the_address(page: Page) -> None:
    page.go("/clusters?q=nothing")
    page.shows("No cluster is like this.")
    page.fill("Name", "we")
    page.comes("location.search === '?q=we'")
    page.comes("!!find('web')")
    page.go("/clusters?q=we&state=bad")
    page.shows("No cluster is like this.")


def test_a_chosen_theme_stays(page: Page) -> None:
    page.go("/")
    page.click("◐Change theme")
    page.comes("document.documentElement.dataset.theme === 'dark'")
    page.go("/images")
    page.comes("document.documentElement.dataset.theme === 'dark'")
    page.click("◐Change theme")
    page.click("◐Change theme")
    page.comes("document.documentElement.dataset.theme === undefined")


def test_a_key_is_uploaded_and_forgotten(page: Page) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1dCBub2JvZHkgaGFzIHRoZSBvdGhlciBoYWxm ann@here"
    page.go("/keypairs")
    page.shows("There is no keypair")
    page.click("Upload a key")
    page.fill("Name", "ann")
    page.fill("Public key", "no key at all")
    page.click("Upload", "dialog[open]")
    page.comes("!!document.querySelector('dialog[open] [role=alert]')")
    page.fill("Public key", key)
    page.click("Upload", "dialog[open]")
    page.shows("SHA256:")
    page.click("Delete", "main")
    page.click("Delete", "dialog[open]")
    page.shows("There is no keypair")


def test_an_address_of_nothing_says_so(page: Page) -> None:
    page.go("/nowhere/at/all")
    page.shows("There is no such page")
    page.go("/clusters/web/00000000-0000-0000-0000-000000000000")
    page.shows("There is no such cluster")


def test_a_lost_connection_is_shown_and_heals_with_what_was_missed(tab: Page, it: House) -> None:
    tab.go("/clusters")
    tab.shows("Live")
    it.kill()
    tab.shows("Connection lost")
    it.start()
    tab.shows("Live", seconds=120)
    with it.session() as session:
        session.call("POST", "/v1/clusters", body={**WEB, "name": "late"})
    tab.shows("late")


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[House]:
    """A house that asks who is there."""
    with house(
        tmp_path / "home", MUSTER_DEFAULT_CLOUD="simulated", MUSTER_IDENTITY="basic"
    ) as made:
        users = made.home / "users.toml"
        add_user(users, "ann", "correct horse", {"demo": ("member",)})
        add_user(users, "rita", "correct horse", {"demo": ("reader",)})
        made.start()
        yield made


def test_who_signs_in_is_let_in_and_out_again(closed: House, tmp_path: Path) -> None:
    with browser.opened(tmp_path, closed.url) as page:
        page.resize(1280)
        page.go("/clusters")
        page.shows("Sign in to Muster")
        page.fill("User", "ann")
        page.fill("Password", "wrong")
        page.click("Sign in")
        page.shows("user or password is wrong")
        page.fill("Password", "correct horse")
        page.click("Sign in")
        page.shows("There is no cluster yet", "Live", "ann in demo")
        assert page.run("document.cookie") == ""
        assert page.run("JSON.stringify(localStorage)") == "{}"
        page.go("/")
        page.shows("Needs attention", "Live")
        page.click("Sign out")
        page.shows("Sign in to Muster")
        assert page.errors == []


def test_a_reader_is_offered_nothing_that_he_may_not_do(closed: House, tmp_path: Path) -> None:
    with browser.opened(tmp_path, closed.url) as page:
        page.resize(1280)
        page.go("/clusters")
        page.fill("User", "rita")
        page.fill("Password", "correct horse")
        page.click("Sign in")
        page.shows("There is no cluster yet", "rita in demo")
        assert not page.run("!!find('Create cluster') || !!find('Create the first one')")
        assert not page.run("!!find('Servers') || !!find('Tokens')")
        page.go("/servers")
        page.shows("rita may not do this")
        for path in ("clusters/new", "profiles/new", "vclusters/new", "server-clusters/new"):
            page.go(f"/{path}")
            page.shows("Your role may not do this")
            assert not page.run("!!document.querySelector('main form')")
        page.go("/profiles")
        page.shows("There is no profile")
        assert not page.run("!!find('Create profile') || !!find('Let one in by a token')")
        assert page.errors == []

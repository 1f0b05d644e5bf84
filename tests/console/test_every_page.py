"""What holds on every page that there is, in both themes and at every width."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import browser
from browser import Page
from console_pages import READY, addresses, patterns, tabs
from filled import filled
from house import House

pytestmark = [pytest.mark.console, pytest.mark.system, pytest.mark.slow]
AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = (360, 768, 1280, 2560)
OVER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with filled(tmp_path_factory.mktemp("filled")) as made:
        yield made


@pytest.fixture(scope="module")
def tab(it: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if not AXE.exists():
        pytest.skip("needs axe-core: scripts/console test")
    with browser.opened(tmp_path_factory.mktemp("browser"), it.url) as page:
        page.resize(1280)
        page.before_all(AXE.read_text())
        yield page


@dataclass
class Walk:
    """What was met on a way through all pages, by address."""

    harm: dict[str, list[str]] = field(default_factory=dict)
    too_wide: list[tuple[str, int]] = field(default_factory=list)
    untitled: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def walk(tab: Page) -> Walk:
    known = addresses(tab)
    assert sorted(set(patterns()) - set(known)) == [], "nothing links there in a house with all"
    met, left = Walk(), list(known.values())
    while left:
        path = left.pop(0)
        tab.go(path)
        tab.comes(READY)
        if "?" not in path:
            left += [one for one in tabs(tab) if "?" in one]
        look_at(tab, path, met)
    return met


def look_at(page: Page, path: str, met: Walk) -> None:
    for theme in ("dark", "light"):
        page.theme(theme)
        if wrong := harm(page):
            met.harm[f"{path}, {theme}"] = wrong
    for width in WIDTHS:
        page.resize(width)
        if page.run(OVER) > 0:
            met.too_wide.append((path, width))
    page.resize(1280)
    if page.run("document.title") == "Muster":
        met.untitled.append(path)


def harm(page: Page) -> list[str]:
    """Return what axe finds that is serious or critical, and where."""
    said = {"resultTypes": ["violations"], "elementRef": False}
    told: Any = page.run(f"axe.run({json.dumps(said)}).then((all) => all.violations)")
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:240]}"
        for one in told
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:3]
    ]


def test_axe_finds_nothing_serious_on_any_page_in_either_theme(walk: Walk) -> None:
    assert walk.harm == {}, json.dumps(walk.harm, indent=1)


def test_nothing_is_wider_than_the_screen_at_any_width(walk: Walk) -> None:
    assert walk.too_wide == []


def test_every_page_says_in_its_title_what_it_is(walk: Walk) -> None:
    assert walk.untitled == []


def test_axe_finds_nothing_serious_in_what_opens_over_a_page(page: Page) -> None:
    page.go("/keypairs")
    page.comes(READY)
    page.click("Notifications")
    page.comes("!!document.querySelector('#bell')")
    assert harm(page) == []
    page.click("Close", "#bell")
    page.press("k", ctrl=True)
    page.comes("!!document.querySelector('dialog[open] [role=listbox]')")
    assert harm(page) == []
    page.press("Escape")
    page.click("Upload a key")
    page.comes("!!document.querySelector('dialog[open] textarea')")
    assert harm(page) == []


def test_axe_would_find_a_fault(page: Page) -> None:
    page.go("/flavors")
    page.comes(READY)
    page.run("document.querySelector('main').append(document.createElement('button'))")
    assert [each.split(":")[0] for each in harm(page)] == ["button-name"]

"""Every page that the console has, by its own table of routes, and one address of each."""

import json
import re
from pathlib import Path

from browser import Page

SOURCES = Path(__file__).parents[1] / "console" / "src"
_FIRST = re.compile(r'^    "(/[^"]*)": \w+,$', re.MULTILINE)
_LATER = re.compile(r'^  \["(/[^"]*)", ', re.MULTILINE)
_CLUSTER = "/clusters/{name}/{id}"
_TAB = re.compile(r'\["(\w+)", "[^"]+"\]|^\s+(\w+): "[A-Z]', re.MULTILINE)
READY = "!!document.querySelector('main h1') && !document.body.innerText.includes('Reading …')"


def patterns() -> list[str]:
    """Return the path of each page; what is in braces stands for a name of something."""
    first = _FIRST.findall((SOURCES / "App.svelte").read_text())
    later = _LATER.findall((SOURCES / "later.ts").read_text())
    assert len(first) > 5, "App.svelte keeps its table of pages otherwise"
    assert len(later) > 10, "later.ts keeps its table of pages otherwise"
    return [*first, _CLUSTER, *later]


def addresses(page: Page) -> dict[str, str]:
    """Return an address for each pattern, by following what the other pages link to.

    A page that nothing links to is missing in the answer: the house has nothing of that kind, or
    nobody can get there.
    """
    found = {one: one for one in patterns() if "{" not in one}
    wanted = {one: re.compile(_as_expression(one)) for one in patterns() if "{" in one}
    left = list(found.values())
    while left and len(found) < len(patterns()):
        page.go(left.pop(0))
        page.comes(READY)
        links = page.run("[...document.querySelectorAll('main a[href]')].map((e) => e.pathname)")
        for pattern, expression in wanted.items():
            if pattern not in found:
                new = (one for one in links if one not in found.values())
                if met := next(filter(expression.fullmatch, new), None):
                    found[pattern] = met
                    left.append(met)
    return found


def _as_expression(pattern: str) -> str:
    return re.sub(r"\\{\w+\\}", "[^/]+", re.escape(pattern))


def tabs(page: Page) -> list[str]:
    """Return the addresses of the tabs of the page that is open."""
    query = "[...document.querySelectorAll('nav.tabs a[href]')].map((e) => e.pathname + e.search)"
    return list(page.run(query))


def address(page: Page) -> str:
    return str(json.loads(page.run("JSON.stringify(location.pathname + location.search)")))

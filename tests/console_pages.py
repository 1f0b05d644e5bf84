"""Every page that the console has, by its own table of routes, and one address of each."""

import re
from pathlib import Path

from browser import Page

SOURCES = Path(__file__).parents[1] / "console" / "src"
_FIRST = re.compile(r'^    "(/[^"]*)": \w+,$', re.MULTILINE)
_LATER = re.compile(r'^  \["(/[^"]*)", ', re.MULTILINE)
_CLUSTER = "/clusters/{name}/{id}"
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


def picture_of(pattern: str, theme: str = "light") -> str:
    """Return the name of the file that shows a page."""
    words = re.sub(r"\{\w+\}", "one", pattern).replace("/one/one", "/one").strip("/")
    dark = "-dark" if theme == "dark" else ""
    return f"{words.replace('/', '-') or 'overview'}{dark}.png"


def titles() -> dict[str, str]:
    """Return what each page is called, in the order of the table."""
    told = "".join((SOURCES / name).read_text() for name in ("pages.ts", "later.ts"))
    said = dict(re.findall(r'path: "(/[^"]*)", title: "([^"]+)"', told))
    said |= dict(re.findall(r'^  \["(/[^"]*)", "([^"]+)"', told, re.MULTILINE))
    return {one: said.get(one) or _called(one) for one in patterns()}


def _called(pattern: str) -> str:
    """Return what a page is called that has for its title the name of what it shows."""
    kind, *rest = [part for part in pattern.strip("/").split("/") if not part.startswith("{")]
    words = f"{kind.replace('-', ' ')}, {'one' if '{' in pattern else ''} {' '.join(rest)}"
    return " ".join(words.split()).capitalize()

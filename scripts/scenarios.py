"""The reference page of the clustering API: every route, and the scenarios that show it."""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]

from scenarios.reading import File, asked, contract, files, scenarios, showing  # noqa: E402

Route = tuple[str, str]  # method and path, {identity} and the like in it
TAKEN = re.compile(r"(\$HISTORY\['[^']*'\]\.)?\$RESPONSE\['[^']*'\]")
OPEN = {("GET", path): 0 for path in ("/", "/versions", "/v1", "/v1/", "/v1.0")}


def routes() -> dict[Route, int]:
    """Return every route of the surface with the first microversion, 1.n, that knows it."""
    from prometheus_client import CollectorRegistry

    from muster.api.app import build
    from muster.drivers.identity.none import NoIdentity

    found: dict[Route, int] = dict(OPEN)
    registry = CollectorRegistry()
    app = build(None, NoIdentity(), registry=registry)  # type: ignore[arg-type]
    for route in app.routes:
        for method, said in getattr(route, "route_handler_map", {}).items():
            handler = said[0] if isinstance(said, tuple) else said
            if method != "OPTIONS" and handler.opt.get("surface") == "clustering":
                found[str(method), route.path_format] = handler.opt.get("since", 0)
    return found


def played(known: Mapping[Route, int]) -> dict[Route, list[tuple[str, File, str]]]:
    """Return the scenarios of each route: microversion, file and name."""
    shapes = [(route, _shape(route[1])) for route in sorted(known, key=_plain_first)]
    found = defaultdict(list)
    for file in files():
        for test in file.gabbi["tests"]:
            method, path, version = asked(file, test)
            path = _resolved(path)
            for route, shape in shapes:
                if route[0] == method and shape.fullmatch(path):
                    found[route].append((version, file, str(test["name"])))
                    break
    return found


def _plain_first(route: Route) -> tuple[int, str, str]:
    return route[1].count("{"), route[1], route[0]


def _shape(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]*\}", path)
    return re.compile(r"[^/]+".join(re.escape(part) for part in parts))


def _resolved(path: str) -> str:
    """Return a path with a plain word for everything taken from an answer."""
    if "alarm_url" in path:
        return "/v1/webhooks/it/trigger"
    if path == "$LOCATION":
        return "/v1/actions/it"
    if path.endswith("href']"):
        return "/v1/queues/it/messages/it"
    return TAKEN.sub("it", path)


def page(made: str) -> str:
    known = routes()
    shown = played(known)
    lines = [
        made,
        "# The clustering API, shown by scenarios",
        "",
        "Every line is a request that the tests make of a served Muster, in `tests/scenarios`: its "
        "body and the whole answer stand there. A route answers 400 to microversions before its "
        "first. What a request may hold is in [the reference of the API](api.md).",
        "",
        *_contract(),
    ]
    for route in sorted(known, key=lambda each: (each[1], each[0])):
        method, path = route
        lines += [f"## `{method} {path}`", "", f"Since 1.{known[route]}.", ""]
        lines += ["| Microversion | File | Scenario |", "|---|---|---|"]
        lines += list(_rows(shown.get(route, [])))
        lines.append("")
    return "\n".join(lines)


def _contract() -> Iterator[str]:
    """Yield what the contract says, with how many scenarios show it."""
    known = scenarios()
    yield from ("## The contract, item by item", "")
    yield from ("| Chapter | What it says | Scenarios |", "|---|---|---|")
    for item in contract():
        shown = {each for pattern in item.shown_by for each in showing(pattern, known)}
        yield f"| {item.chapter} | {item.text} | {len(shown)} |"
    yield ""


def _rows(found: list[tuple[str, File, str]]) -> Iterator[str]:
    for version, file, name in found:
        yield f"| {version} | {file.name} | {name} |"


def unplayed() -> list[Route]:
    """Return the routes that no scenario shows."""
    known = routes()
    return sorted(set(known) - set(played(known)))

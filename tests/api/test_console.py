"""The console's files: who gets the page, what it may do, and what it leaves to the API."""

from copy import copy
from pathlib import Path
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient

from muster.api.console import Console, prefers_html
from office import HERE, Office

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>Muster</title>")
    (tmp_path / "assets" / "index-1a2b.js").write_text("let a = 1;" * 100)
    (tmp_path / "assets" / ".stamp").write_text("hidden")
    (tmp_path / "secret.js").write_text("outside")
    return tmp_path


async def asked(office: Office, built: Path, path: str, method: str = "GET", **headers: str) -> Any:
    app = copy(office.app)
    routes = ["/", "/v1/clusters", "/docs", "/versions"]
    app.asgi_handler = Console(office.app.asgi_handler, routes, built)
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url=HERE) as client:
        return await client.request(method, path, headers=headers)


async def test_a_browser_gets_the_page_wherever_no_route_begins(
    office: Office, built: Path
) -> None:
    for path in ("/", "/clusters", "/clusters/web/1?tab=update", "/no/such/page"):
        answer = await asked(office, built, path, accept=BROWSER)
        assert (answer.status_code, answer.text) == (200, "<title>Muster</title>"), path
        assert answer.headers["cache-control"] == "no-cache"


async def test_clients_of_the_api_find_its_versions_where_they_always_were(
    office: Office, built: Path
) -> None:
    for accept in ("", "*/*", "application/json", "application/json, text/html", "text/html;q=0"):
        answer = await asked(office, built, "/", accept=accept)
        assert answer.status_code == 300, accept
        assert answer.json()["versions"][0]["id"] == "1.0"


async def test_what_the_api_serves_stays_the_apis_for_browsers_too(
    office: Office, built: Path
) -> None:
    for path, status in (("/v1/clusters", 401), ("/docs", 200), ("/versions", 300)):
        answer = await asked(office, built, path, accept=BROWSER)
        assert answer.status_code == status
        assert "Muster</title>" not in answer.text or path == "/docs"
    assert (await asked(office, built, "/", "POST", accept=BROWSER)).status_code == 404


async def test_assets_are_kept_for_ever_and_sent_packed(office: Office, built: Path) -> None:
    answer = await asked(office, built, "/assets/index-1a2b.js")
    assert answer.text == "let a = 1;" * 100
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 100
    plain = await asked(office, built, "/assets/index-1a2b.js", **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    head = await asked(office, built, "/assets/index-1a2b.js", "HEAD")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../secret.js",
        "/assets/%2e%2e/secret.js",
        "/assets/.stamp",
        "/assets/",
        "/assets/x.js",
    ],
)
async def test_nothing_beside_the_assets_is_shown(office: Office, built: Path, path: str) -> None:
    answer = await asked(office, built, path)
    assert answer.status_code in (300, 404)
    assert "outside" not in answer.text
    assert "hidden" not in answer.text


async def test_the_page_may_do_what_its_own_files_say_and_nothing_else(
    office: Office, built: Path
) -> None:
    headers = (await asked(office, built, "/", accept=BROWSER)).headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


async def test_without_a_build_the_page_says_how_to_make_one(
    office: Office, tmp_path: Path
) -> None:
    answer = await asked(office, tmp_path, "/", accept=BROWSER)
    assert answer.status_code == 503
    assert "The console is not built" in answer.text
    assert "scripts/console" in answer.text


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("application/json;q=0.5, text/html", True),
        ("text/html;q=0.5, application/json", False),
        ("text/html, application/json", False),
        ("text/html;q=nonsense", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_html_is_for_whoever_ranks_it_above_json(accept: str, html: bool) -> None:
    assert prefers_html(accept) is html

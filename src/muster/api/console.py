"""The console's files: its page where a browser asks for one, and what the page is made of."""

import gzip
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from litestar.datastructures import Headers
from litestar.types import ASGIApp, Receive, Scope, Send

BUILT = Path(__file__).parents[1] / "console_files"
_ASSET = re.compile(r"/assets/([A-Za-z0-9_-][A-Za-z0-9._-]*)")
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types svelte-trusted-html",
    )
)
_ALWAYS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}
_ANEW = {"cache-control": "no-cache", "vary": "Accept"}
UNBUILT = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Muster: the console is not built</title>
<h1>The console is not built</h1>
<p>Muster serves its API here, but the files of the web console are missing. They are made by</p>
<pre>scripts/console</pre>
<p>in Muster's source folder. It takes Node.js 20.19 or later with npm where the machine has it,
and else one from PyPI; it needs a way to the package registries once. <code>make run</code> does
the same by itself, and says why where it could not. Then load this page again.</p>
<p>Meanwhile: <a href="/docs">the API's reference</a>, and the command line,
<code>muster --help</code>.</p>
</html>
"""
Answer = tuple[int, dict[str, str], bytes]


# Note [Who gets the page]
# Clients of the clustering API find its versions at `/`, and keep finding them: the page goes
# only to whoever likes HTML better than JSON and says so, which is browsers. Its own addresses
# (/clusters/web/...) are whatever no route begins with, so that a bookmark of one works.
class Console:
    """The application with the console before it. See Note [Who gets the page]."""

    def __init__(self, app: ASGIApp, routes: Iterable[str], built: Path = BUILT) -> None:
        self._app = app
        self._built = built
        self._taken = frozenset(path.split("/")[1] for path in routes) - {""}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reading = str(scope["type"]) == "http" and scope.get("method") in ("GET", "HEAD")
        answer = self._answer(scope) if reading else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        await _sent(answer, scope, send)

    def _answer(self, scope: Scope) -> Answer | None:
        path: str = scope["path"]
        if path.startswith("/assets/"):
            return self._asset(path)
        accept = Headers.from_scope(scope).get("accept", "")
        if path.split("/")[1] in self._taken or not prefers_html(accept):
            return None
        return self._page()

    def _page(self) -> Answer:
        try:
            page = (self._built / "index.html").read_bytes()
        except FileNotFoundError:
            return 503, _typed("text/html; charset=utf-8", _ANEW), UNBUILT
        return 200, _typed("text/html; charset=utf-8", _ANEW), page

    def _asset(self, path: str) -> Answer:
        found = _ASSET.fullmatch(path)
        kind = _TYPES.get(Path(path).suffix)
        file = self._built / "assets" / found[1] if found else None
        if file is None or kind is None or not file.is_file():
            return (
                404,
                _typed("text/plain; charset=utf-8", {"cache-control": "no-store"}),
                b"gone\n",
            )
        return 200, _typed(kind, _FOR_EVER), file.read_bytes()


def prefers_html(accept: str) -> bool:
    """Whether an Accept header names HTML, and ranks it above JSON."""
    ranks = dict(_ranked(part) for part in accept.lower().split(","))
    return ranks.get("text/html", 0.0) > ranks.get("application/json", 0.0)


def _ranked(part: str) -> tuple[str, float]:
    kind, *parameters = (word.strip() for word in part.split(";"))
    return kind, _quality(parameters)


def _quality(parameters: Sequence[str]) -> float:
    for word in parameters:
        if word.startswith("q="):
            try:
                return float(word[2:])
            except ValueError:
                return 0.0
    return 1.0


def _typed(kind: str, headers: dict[str, str]) -> dict[str, str]:
    return {**_ALWAYS, **headers, "content-type": kind}


@lru_cache(maxsize=64)
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)


async def _sent(answer: Answer, scope: Scope, send: Send) -> None:
    status, headers, body = answer
    if "gzip" in Headers.from_scope(scope).get("accept-encoding", "") and status == 200:
        varies = ", ".join(filter(None, (headers.get("vary"), "Accept-Encoding")))
        headers = {**headers, "content-encoding": "gzip", "vary": varies}
        body = _packed(body)
    headers["content-length"] = str(len(body))
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    sent = b"" if scope.get("method") == "HEAD" else body
    await send({"type": "http.response.body", "body": sent, "more_body": False})

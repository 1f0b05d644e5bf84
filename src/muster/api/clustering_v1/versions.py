"""Which microversion a request speaks, and how every answer says so."""

import re
from typing import Any

import msgspec
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from muster.api.clustering_v1.faults import body_of
from muster.base.errors import Invalid

NEWEST = 14  # the minor number; the major one is always 1
HEADER = "openstack-api-version"
_SERVICE = "clustering"
_HEADER = HEADER.encode()
_SAID = [
    [(_HEADER, f"{_SERVICE} 1.{asked}".encode()), (b"vary", b"OpenStack-API-Version")]
    for asked in range(NEWEST + 1)
]
_WELL_FORMED = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")
_ROOT = re.compile(r"/v1(\.0)?/")
_PLAIN = "HTTPBadRequest"


def minor(said: str) -> int:
    """Return the minor number that a header's value asks for; 0 where it names others only.

    Raises `Invalid`; its `type` says whether the word was malformed or out of range.
    """
    asked = [each.split() for each in said.split(",")]
    ours = [each[1:] for each in asked if each and each[0].lower() == _SERVICE]
    if not ours:
        return 0
    word = " ".join(ours[0])
    if word.lower() == "latest":
        return NEWEST
    match = _WELL_FORMED.fullmatch(word)
    if match is None or match[1] == "0":
        text = f"API Version String '{word}' is of invalid format. "
        raise Invalid(f"{text}It must be of format 'major.minor'.", type=_PLAIN)
    if match[1] != "1" or int(match[2]) > NEWEST:
        text = f"Version '{word}' is not supported by the API. "
        raise Invalid(
            f"{text}Minimum is '1.0' and maximum is '1.{NEWEST}'.", type="InvalidGlobalAPIVersion"
        )
    return int(match[2])


class Versioned:
    """The application with the microversion of each request worked out before anything else.

    What is asked of `/v1.0/...` is asked of `/v1/...`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = _ROOT.match(scope["path"])
        if str(scope["type"]) != "http" or found is None:
            await self._app(scope, receive, send)
            return
        path = "/v1/" + scope["path"][found.end() :]
        scope["path"], scope["raw_path"] = path, path.encode()
        try:
            said = (value for name, value in scope["headers"] if name == _HEADER)
            asked = minor(next(said, b"").decode("latin-1"))
        except Invalid as error:
            await _refuse(_marked(send, 0), error)
            return
        scope["state"]["microversion"] = asked
        await self._app(scope, receive, _marked(send, asked))


def _marked(send: Send, asked: int) -> Send:
    said = _SAID[asked]

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *said]
        await send(message)

    return marked


async def _refuse(send: Send, error: Invalid) -> None:
    status, said = body_of(error)
    whole = msgspec.json.encode(said)
    headers: list[Any] = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(whole)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": whole, "more_body": False})

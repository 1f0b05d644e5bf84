"""Who is asking, and may they: the one guard before every handler."""

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.datastructures import Headers
from litestar.handlers import BaseRouteHandler

from muster.api.cookie import proof
from muster.base.errors import Forbidden, MusterError, Unknown
from muster.base.log import log
from muster.model.rules import Rules
from muster.model.who import Right
from muster.ports.identity import Identity
from muster.ports.scopes import Scopes

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOCAL = frozenset({"localhost", "ip6-localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Who answers for callers; `loopback_names` where nobody need say who he is."""

    identity: Identity
    loopback_names: bool = False
    rules: Rules = field(default_factory=Rules)
    scopes: Scopes | None = None  # of tokens of another service, which have one project each
    ask_again_s: float = 15.0  # who holds a line that stays open is asked for so often


async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Put the caller into the connection, or refuse him.

    Reading needs the right to read, everything else the right to write, unless the
    handler's `right` or the rules say otherwise. See Note [Calls] in model/rules.py.
    """
    door: Door = connection.app.state.door
    method = connection.scope.get("method", "GET")
    reading = method in _SAFE
    from_page = not reading or _is_socket(connection)
    refuse_strangers(connection.headers, door, from_page=from_page)
    said = proof(connection, door.identity.challenge, from_page=from_page)
    who = door.rules.known(await door.identity.who(said))
    right = right_of(handler, reading)
    call = call_of(method, connection.scope["path_template"])
    if not door.rules.allow(who, call, right):
        takes = ", ".join(sorted(door.rules.holders(call, right))) or "nobody"
        text = f"{who.user} may not do this in project {who.project}"
        raise Forbidden(f"{text}: {call} takes one of the roles {takes}")
    connection.scope["user"] = who


# Note [Known all along]
# A line may stay open for days, and whoever opened it may be a stranger by then: his token is
# revoked or expired, his role or his project gone. So while it is open he is asked for again and
# again, and it ends when he would be refused. Where nobody can say who he is for now, it goes on.
async def still_known(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    """Return whether whoever opened a line would be let in now. See Note [Known all along]."""
    try:
        await guard(connection, connection.route_handler)
    except (Unknown, Forbidden):
        return False
    except MusterError as error:
        log().warning("guard.unsure_of_caller", reason=error.text)
    return True


def right_of(handler: BaseRouteHandler, reading: bool) -> Right:
    """Return the right that a call takes where no rule names the call."""
    said: Right | None = handler.opt.get("right")
    return said or (Right.READ if reading else Right.WRITE)


_VERBS = {"POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}
_SPELLED = {"actions": "action", "ops": "operation", "attrs": "collect"}  # as they were called


_SURFACE = re.compile(r"^/v1|^/v2/\{[^}]*\}(?=/)")
_PROVISIONING = "/1.0/provisioning/"


@cache
def call_of(method: str, path: str) -> str:
    """Return what the rules call a route. See Note [Calls] in model/rules.py.

    POST /v1/clusters/{id}/actions is clusters:action, DELETE /v1/clusters/{id} is
    clusters:delete, GET /v1/clusters is clusters:index.
    """
    inside = _SURFACE.sub("", path, count=1)
    if path.startswith(_PROVISIONING):
        inside = path.replace(_PROVISIONING, "/provisioning-", 1)
    inside = inside.removeprefix("/1.0")
    noun, *rest = [part for part in inside.split("/") if part] or ["versions"]
    noun = noun.replace("-", "_")
    said = [part for part in rest if not part.startswith("{")]
    if said:
        verb = _SPELLED.get(said[-1], said[-1]).lstrip(":").replace("-", "_")
        return f"{noun}:{verb}"
    reading = "get" if rest else "index"
    return f"{noun}:{_VERBS.get(method, reading)}"


def _is_socket(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    return str(connection.scope["type"]) == "websocket"


# Note [Other people's pages]
# A browser sends a page's requests with whatever credentials it keeps for us, and to
# loopback addresses too. So a request that changes something, or opens a socket, must not come
# from a page of another host: its Origin says where from, and a browser never lies there.
# Where nobody need say who he is, a page could also have its own name point at 127.0.0.1
# (DNS rebinding); then the Host header is that name, and only loopback names are answered.
def refuse_strangers(headers: Headers, door: Door, *, from_page: bool) -> None:
    """Raise `Forbidden` for what a stranger's page sent. See Note [Other people's pages]."""
    host = headers.get("host", "")
    if door.loopback_names and not _is_loopback(host):
        raise Forbidden(f"'{host}' is not a name of this machine's loopback; use 127.0.0.1")
    origin = headers.get("origin")
    if from_page and origin is not None and _host_of(origin) != host.lower():
        raise Forbidden(f"a page of '{origin}' may not do this here")
    if from_page and headers.get("sec-fetch-site") == "cross-site":
        raise Forbidden("a page of another site may not do this here")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # such as http://[
        return None


@lru_cache(maxsize=256)
def _is_loopback(host: str) -> bool:
    """Whether a Host header names the loopback."""
    name = _hostname(host)
    if name in _LOCAL:
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""

"""The routes by which a server is asked and told by its own interface, over Muster."""

from typing import Any

from litestar import Response, get, post, put
from litestar.params import FromPath

from muster.api.call import Asked, Param, Word
from muster.api.provisioning_1_0 import render
from muster.api.provisioning_1_0.envelope import done, held_to, tagged
from muster.base.errors import Invalid
from muster.model.who import Right
from muster.service.provisioning.passing import Passing, passed

_OPERATE = {"right": Right.OPERATE}
_SERVER = "/1.0/provisioning/servers/{name:str}"
_OURS = {"force": Param("true: although its cluster is at something")}
_THEIRS = {
    "unit": Param("of the journal: only of this service"),
    "boot": Param("of the journal: since which start"),
    "entries": Param("of the journal: how many"),
}
_ASKS, _TELLS = {"query": _THEIRS, **_OPERATE}, {"query": _OURS, **_OPERATE}
_PARTS = ("network", "storage", "update")


async def _passed(call: Asked, name: str, path: str, method: str) -> Any:
    query = {each: call.word(each) for each in _THEIRS if call.word(each)}
    asked = Passing(
        method=method,
        path=path.strip("/"),
        body=None if method == "GET" else await call.body(),
        query=query,
        before=f"{render.at('servers', name)}/os",
        force=method != "GET" and call.flag("force"),
    )
    return await passed(call.desk, name, asked)


@get(f"{_SERVER}/os", opt=_OPERATE)
async def ask_server_versions(call: Asked, name: Word) -> Response[Any]:
    """Ask a server which versions of its own interface it has."""
    return done(await _passed(call, name, "", "GET"))


@get(f"{_SERVER}/os/{{path:path}}", opt=_ASKS)
async def ask_server(call: Asked, name: Word, path: FromPath[str]) -> Response[Any]:
    """Ask a server by its own interface; what is secret is shown as its digest."""
    return done(await _passed(call, name, path, "GET"))


@put(f"{_SERVER}/os/{{path:path}}", status_code=200, opt=_TELLS)
async def tell_server(call: Asked, name: Word, path: FromPath[str]) -> Response[Any]:
    """Have a part of a server be so, by its own interface."""
    return done(await _passed(call, name, path, "PUT"))


@post(f"{_SERVER}/os/{{path:path}}", status_code=200, opt=_TELLS)
async def have_server_do(call: Asked, name: Word, path: FromPath[str]) -> Response[Any]:
    """Have a server do something, by its own interface."""
    return done(await _passed(call, name, path, "POST"))


@get(f"{_SERVER}/system/{{part:str}}", opt=_OPERATE)
async def show_server_part(call: Asked, name: Word, part: Word) -> Response[Any]:
    """Ask a server for its network, storage or update, with the ETag that holds a change to it."""
    said = await _passed(call, name, _part(part), "GET")
    return tagged(said, _settable(said))


@put(f"{_SERVER}/system/{{part:str}}", status_code=200, opt=_TELLS)
async def update_server_part(call: Asked, name: Word, part: Word) -> Response[Any]:
    """Have the network, storage or update of a server be so, unless it is not as was seen."""
    if call.request.headers.get("if-match"):
        held_to(call, _settable)(await _passed(call, name, _part(part), "GET"))
    return done(await _passed(call, name, _part(part), "PUT"))


def _part(said: str) -> str:
    if said not in _PARTS:
        raise Invalid(f"must be one of {', '.join(_PARTS)}, not '{said}'", field="part")
    return f"1.0/system/{said}"


def _settable(said: Any) -> dict[str, Any]:
    return {"config": said.get("config") if isinstance(said, dict) else None}


ROUTES = (
    ask_server_versions,
    ask_server,
    tell_server,
    have_server_do,
    show_server_part,
    update_server_part,
)

"""The routes of servers, which is what this surface calls machines."""

from typing import Any

from litestar import Response, delete, get, post, put

from muster.api.call import Asked, Param, Word
from muster.api.guard import guard
from muster.api.provisioning_1_0 import render
from muster.api.provisioning_1_0.bodies import (
    CALLED,
    EXPECTED,
    REGISTRATION,
    RENAME_SERVER,
    SERVER,
    settable,
)
from muster.api.provisioning_1_0.envelope import done, held_to, tagged
from muster.base.errors import Forbidden
from muster.model.who import Right
from muster.service.provisioning import filters, machines, registration
from muster.service.provisioning.machines import Expected, MachineAsk

_OPERATE = {"right": Right.OPERATE}
_LIST = {
    **render.LISTS,
    "cluster": Param("only those of this cluster"),
    "status": Param("only those in this status"),
    "filter": Param('an expression, such as name startsWith "m" && server_status == "ready"'),
}
_TOKEN = {"token": Param("by which a server registers itself")}
_BEARER = "bearer "


@get("/1.0/provisioning/servers", guards=[guard], opt={"query": _LIST, **_OPERATE})
async def list_servers(call: Asked) -> Response[Any]:
    """List servers."""
    wanted = filters.wanted(call.word("filter"), render.machine)
    where = {name: call.word(name) for name in ("cluster", "status") if call.word(name)}
    found = await machines.listing(call.desk, wanted, where)
    return done(render.listed(call, "servers", found, render.machine))


@post("/1.0/provisioning/servers", opt={"query": _TOKEN, "body": EXPECTED, **_OPERATE})
async def create_server(call: Asked) -> Response[Any]:
    """Register by a token, as a server does itself; or, without, say which one to expect."""
    token = call.word("token")
    if token:
        said = registration.Registering(**await call.fields(REGISTRATION))
        made = await registration.registered(call.desk, token, said)
        answer = {"certificate": made.certificate, "secret": made.secret, "name": made.machine.name}
        return done(answer, 201, render.at("servers", made.machine.name))
    await guard(call.request, call.request.route_handler)
    fields = await call.fields(EXPECTED)
    known = {name: fields.pop(name, "") for name in ("name", "system_uuid", "machine_id")}
    new = await machines.expected(call.desk, Expected(**known, ask=MachineAsk(**fields)))
    return done(render.machine(new), 201, render.at("servers", new.name))


@put("/1.0/provisioning/servers/:self", opt={"body": CALLED})
async def hear_server(call: Asked) -> Response[Any]:
    """Hear from a server, known by the secret that it got, as a bearer's token."""
    said = call.request.headers.get("authorization", "")
    if not said.lower().startswith(_BEARER):
        raise Forbidden("a server says who it is by its secret, as a bearer's token")
    fields = await call.fields(CALLED)
    secret = said[len(_BEARER) :].strip()
    cause, url = fields.get("cause", ""), fields.get("connection_url", "")
    await machines.heard(call.desk, secret, cause, url)
    return done()


@get("/1.0/provisioning/servers/{name:str}", opt=_OPERATE)
async def show_server(call: Asked, name: Word) -> Response[Any]:
    """Show everything that is known of a server."""
    found = await machines.show(call.desk, name)
    return tagged(render.machine(found), render.machine_settable(found))


@put("/1.0/provisioning/servers/{name:str}", opt={"body": SERVER, **_OPERATE})
async def update_server(call: Asked, name: Word) -> Response[Any]:
    """Say something else of a server."""
    ask = MachineAsk(**await settable(call, SERVER))
    await machines.changed(call.desk, name, ask, held_to(call, render.machine_settable))
    return done(None, 201, render.at("servers", name))


@post("/1.0/provisioning/servers/{name:str}", opt={"body": RENAME_SERVER, **_OPERATE})
async def rename_server(call: Asked, name: Word) -> Response[Any]:
    """Call a server otherwise; not one in a cluster. Its hostname stays."""
    to = (await call.fields(RENAME_SERVER))["name"]
    await machines.renamed(call.desk, name, to, held_to(call, render.machine_settable))
    return done(None, 201, render.at("servers", to))


@delete("/1.0/provisioning/servers/{name:str}", status_code=200, opt=_OPERATE)
async def delete_server(call: Asked, name: Word) -> Response[Any]:
    """Forget a server that is in no cluster. Nothing is done to it."""
    await machines.removed(call.desk, name)
    return done()


@post("/1.0/provisioning/servers/{name:str}/:resync", status_code=200, opt=_OPERATE)
async def resync_server(call: Asked, name: Word) -> Response[Any]:
    """Ask a server for everything, at once."""
    await machines.looked_at_again(call.desk, name)
    return done()


ROUTES = (
    show_server,
    update_server,
    rename_server,
    delete_server,
    resync_server,
)
# Asked by a server itself, which is no user; listing goes with what shares its path.
OPEN = (create_server, hear_server, list_servers)

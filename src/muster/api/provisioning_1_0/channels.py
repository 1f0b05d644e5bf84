"""The routes of channels; and of updates, of which none are kept here."""

from typing import Any

from litestar import Response, delete, get, post, put

from muster.api.call import Asked, Param, Word
from muster.api.provisioning_1_0 import render
from muster.api.provisioning_1_0.bodies import ANY, NAME, settable
from muster.api.provisioning_1_0.envelope import done, held_to, tagged
from muster.api.reading import Field, Fields
from muster.base.errors import Unsupported
from muster.model.who import Right
from muster.service.provisioning import channels
from muster.service.provisioning.channels import Channel

_OPERATE = {"right": Right.OPERATE}
_HERE = "/1.0/provisioning/channels"
_UPDATES = "/1.0/provisioning/updates"
_SAID: Fields = {"description": Field(ANY, "what it is for")}
_CHANNEL: Fields = {"name": Field(NAME, "what it is called", required=True), **_SAID}
_FILTERS = {name: Param("taken; there are none") for name in ("channel", "origin", "status")}


def _channel(one: Channel) -> dict[str, Any]:
    return {
        "name": one.name,
        **_settable(one),
        "last_updated": render.when(one.updated_at),
        "used_by": list(one.used_by),
    }


def _settable(one: Channel) -> dict[str, Any]:
    return {"description": one.description}


@get(_HERE, opt={"query": render.LISTS, **_OPERATE})
async def list_channels(call: Asked) -> Response[Any]:
    """List channels: those that are described, and those that anybody is of."""
    found = await channels.listing(call.desk)
    return done(render.listed(call, "channels", found, _channel))


@post(_HERE, opt={"body": _CHANNEL, **_OPERATE})
async def create_channel(call: Asked) -> Response[Any]:
    """Describe a channel."""
    said = await call.fields(_CHANNEL)
    made = await channels.created(call.desk, said["name"], said.get("description", ""))
    return done(_channel(made), 201, render.at("channels", made.name))


@get(f"{_HERE}/{{name:str}}", opt=_OPERATE)
async def show_channel(call: Asked, name: Word) -> Response[Any]:
    """Show a channel, and who is of it."""
    found = await channels.show(call.desk, name)
    return tagged(_channel(found), _settable(found))


@put(f"{_HERE}/{{name:str}}", opt={"body": _SAID, **_OPERATE})
async def update_channel(call: Asked, name: Word) -> Response[Any]:
    """Describe a channel otherwise."""
    said = await settable(call, _SAID)
    check = held_to(call, _settable)
    await channels.changed(call.desk, name, said.get("description", ""), check)
    return done(None, 201, render.at("channels", name))


@delete(f"{_HERE}/{{name:str}}", status_code=200, opt=_OPERATE)
async def delete_channel(call: Asked, name: Word) -> Response[Any]:
    """Forget a channel that nobody is of."""
    await channels.removed(call.desk, name)
    return done()


@get(_UPDATES, opt={"query": {**render.LISTS, **_FILTERS}, **_OPERATE})
async def list_updates(call: Asked) -> Response[Any]:
    """List updates that are kept here: none, for servers have package sources of their own."""
    render.is_recursive(call)
    return done([])


@post(_UPDATES, opt=_OPERATE)
async def create_update(call: Asked) -> Response[Any]:
    """Say why no update is taken in here."""
    raise _kept_elsewhere()


@post(f"{_UPDATES}/:refresh", opt=_OPERATE)
async def refresh_updates(call: Asked) -> Response[Any]:
    """Say why there is nothing to refresh here."""
    raise _kept_elsewhere()


def _kept_elsewhere() -> Unsupported:
    text = "no updates are kept here: servers with Debian or Ubuntu get theirs from package sources"
    return Unsupported(f"{text} of their own; have a cluster update them (clusters/NAME/:update)")


ROUTES = (
    list_channels,
    create_channel,
    show_channel,
    update_channel,
    delete_channel,
    list_updates,
    create_update,
    refresh_updates,
)

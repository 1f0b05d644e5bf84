"""The routes of tokens by which machines register."""

from typing import Any

from litestar import Response, delete, get, post, put

from muster.api.call import Asked, Word, base
from muster.api.provisioning_1_0 import render
from muster.api.provisioning_1_0.bodies import TOKEN, settable
from muster.api.provisioning_1_0.envelope import done, held_to, tagged
from muster.model.who import Right
from muster.service.provisioning import tokens
from muster.service.provisioning.tokens import TokenAsk

_OPERATE = {"right": Right.OPERATE}


@get("/1.0/provisioning/tokens", opt={"query": render.LISTS, **_OPERATE})
async def list_tokens(call: Asked) -> Response[Any]:
    """List the tokens by which servers register."""
    found = await tokens.listing(call.desk)
    return done(render.listed(call, "tokens", found, render.token, "uuid"))


@post("/1.0/provisioning/tokens", opt={"body": TOKEN, **_OPERATE})
async def create_token(call: Asked) -> Response[Any]:
    """Make a token; its id is the secret."""
    made = await tokens.created(call.desk, TokenAsk(**await call.fields(TOKEN)))
    return done(render.token(made), 201, render.at("tokens", str(made.id)))


@get("/1.0/provisioning/tokens/{uuid:str}", opt=_OPERATE)
async def show_token(call: Asked, uuid: Word) -> Response[Any]:
    """Show a token."""
    found = await tokens.show(call.desk, uuid)
    return tagged(render.token(found), render.token_settable(found))


@put("/1.0/provisioning/tokens/{uuid:str}", opt={"body": TOKEN, **_OPERATE})
async def update_token(call: Asked, uuid: Word) -> Response[Any]:
    """Give a token other values."""
    ask = TokenAsk(**await settable(call, TOKEN))
    await tokens.changed(call.desk, uuid, ask, held_to(call, render.token_settable))
    return done(None, 201, render.at("tokens", uuid))


@delete("/1.0/provisioning/tokens/{uuid:str}", status_code=200, opt=_OPERATE)
async def delete_token(call: Asked, uuid: Word) -> Response[Any]:
    """Take a token back; servers that have registered by it stay."""
    await tokens.removed(call.desk, uuid)
    return done()


@get("/1.0/provisioning/tokens/{uuid:str}/provider-config", opt=_OPERATE)
async def show_provider(call: Asked, uuid: Word) -> Response[Any]:
    """Say what a server has to be told so that it registers by this token."""
    config = await tokens.provided(call.desk, uuid, base(call))
    return done({"version": "1", "name": "operations-center", "config": config})


ROUTES = (list_tokens, create_token, show_token, update_token, delete_token, show_provider)

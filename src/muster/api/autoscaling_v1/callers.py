"""The routes of tokens, and of who the caller is."""

from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
from litestar import Response, delete, get, post

from muster.api.autoscaling_v1.catalog import gone
from muster.api.call import PLAN, Asked, Param, Word, at_once, carried_out
from muster.api.reading import Field, Fields, integer, text
from muster.api.words import moment
from muster.model.who import Right
from muster.ports.store import Token
from muster.service import tokens
from muster.service.tokens import NewToken

TOKEN: Fields = {
    "note": Field(text(low=0, high=255), "what it is for"),
    "expires_in_seconds": Field(
        integer(1, 10 * 366 * 86400), "how long it is good for; without: until revoked", null=True
    ),
}


class TokenOut(msgspec.Struct, kw_only=True):
    id: str
    user: str
    project: str
    roles: tuple[str, ...]
    note: str
    created_at: str | None
    expires_at: str | None
    secret: str | None = None


def _token(one: Token, secret: str | None = None) -> TokenOut:
    return TokenOut(
        id=str(one.id),
        user=one.user,
        project=one.project,
        roles=one.roles,
        note=one.note,
        created_at=moment(one.created_at),
        expires_at=moment(one.expires_at),
        secret=secret,
    )


_USER = {"user": Param("of this user, in every project, for who operates the service")}


@get("/v1/tokens", opt={"query": _USER})
async def list_tokens(call: Asked) -> dict[str, list[TokenOut]]:
    """List the caller's tokens, or those of another user, without their secrets."""
    user = call.word("user")
    if user:
        found = await tokens.listing_of(call.desk, call.who, user)
    else:
        found = await tokens.listing(call.desk, call.who)
    return {"tokens": [_token(each) for each in found]}


@post("/v1/tokens", opt={"query": PLAN, "body": TOKEN, "right": Right.READ})
async def create_token(call: Asked) -> Response[Any]:
    """Make a token that may what the caller may; its secret is shown this once."""
    said = await call.fields(TOKEN)
    lasts = said.get("expires_in_seconds")
    made = tokens.creation(
        call.desk, call.who, said.get("note", ""), timedelta(seconds=lasts) if lasts else None
    )

    async def answer(new: NewToken) -> Response[dict[str, TokenOut]]:
        return Response({"token": _token(new.token, new.secret)}, status_code=201)

    return await carried_out(call, partial(at_once, made), answer)


@delete("/v1/tokens/{identity:str}", status_code=200, opt={"query": PLAN, "right": Right.READ})
async def delete_token(call: Asked, identity: Word) -> Response[Any]:
    """Revoke one of the caller's tokens; who operates the service may revoke any."""
    return await carried_out(call, partial(tokens.deletion, call.desk, call.who, identity), gone)


@get("/v1/whoami")
async def whoami(call: Asked) -> dict[str, Any]:
    """Say who the service takes the caller for."""
    who = call.who
    rights = sorted(right for right in Right if who.may(right))
    return {"user": who.user, "project": who.project, "roles": who.roles, "rights": rights}


ROUTES = (list_tokens, create_token, delete_token, whoami)
